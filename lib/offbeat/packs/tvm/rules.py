"""The rules of the player: which events may follow which, as a state machine in plain data.

The generator walks it, tests check against it. No detector ever sees it: detectors have to learn these rules from logs.

A `Rule` says for one event when it may happen and what it changes; a session is legal when each of its meaningful
events has a rule that permits it, and it ends where a session may end. Ambient events mean nothing to the player
and may stand anywhere between two meaningful ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

BEATS = {"clip": 1, "episode": 2, "film": 3}
"""Heartbeats in each quarter of a content, by its kind: what `content_load_KIND` announces."""

MAX_ADS = 3
AMBIENT = (
    "volume_change",
    "fullscreen_toggle",
    "network_info",
    "impression",
    "bitrate_change",
    "caption_toggle",
)
"""Events that carry no meaning for the order of things."""


class State(NamedTuple):
    """What the player has to remember to know what may come next.

    Attributes:
        place: off, launched, ready, loaded, pod, ad, content, ended, over or closed.
        kind: clip, episode or film; empty where it does not matter.
        quarter: quartiles of the content passed, 0 to 3.
        beats: heartbeats since the last quartile.
        pod_done: an ad pod was shown at this place of the content; the next needs another place.
        ads_left: ads that the open pod still owes.
        ad_stage: quartiles of the open ad passed, 0 to 3.
        paused, seeking, stalled: what holds the content (or, for stalled, the ad) up; all three may hold at once.
    """

    place: str = "off"
    kind: str = ""
    quarter: int = 0
    beats: int = 0
    pod_done: bool = False
    ads_left: int = 0
    ad_stage: int = 0
    paused: bool = False
    seeking: bool = False
    stalled: bool = False

    @property
    def playing(self) -> bool:
        """Whether content runs: these are the minutes viewed."""
        return self.place == "content" and not (self.paused or self.seeking or self.stalled)

    @property
    def beats_full(self) -> bool:
        """Whether content runs and its quarter has had all its heartbeats."""
        return self.playing and self.beats == BEATS[self.kind]

    @property
    def may_end(self) -> bool:
        """Whether a session may end here: the app is closed, or it died while it buffered."""
        return self.place == "closed" or self.stalled


@dataclass(frozen=True)
class Rule:
    """When an event may happen, and what it changes."""

    name: str
    event: str
    doc: str
    when: Callable[[State], bool]
    then: Callable[[State], State]


def _between_pods(state: State) -> bool:
    """Content runs at its middle, a place for a pod that has not been used."""
    middle = state.quarter == 2 and state.beats == 0 and state.kind != "clip"  # noqa: PLR2004 - quarters are counted
    return state.playing and middle and not state.pod_done


def _ad_over(state: State) -> State:
    return state._replace(place="pod", ads_left=state.ads_left - 1, ad_stage=0)


def _load_rules() -> list[Rule]:
    return [
        Rule(
            f"load_{kind}",
            f"content_load_{kind}",
            f"A session that has started loads its content; a {kind} has {beats} heartbeats in each quarter.",
            lambda s: s.place == "ready",
            lambda _, kind=kind: State("loaded", kind),  # type: ignore[misc]
        )
        for kind, beats in BEATS.items()
    ]


def _pod_rules() -> list[Rule]:
    rules = []
    for ads in range(1, MAX_ADS + 1):
        event = f"ad_pod_start_{ads}"
        rules += [
            Rule(
                f"preroll_{ads}",
                event,
                f"Before the content first plays, one pod may come; this one announces {ads} ad(s).",
                lambda s: s.place == "loaded" and s.quarter == 0 and not s.pod_done,
                lambda s, ads=ads: s._replace(place="pod", ads_left=ads),  # type: ignore[misc]
            ),
            Rule(
                f"midroll_{ads}",
                event,
                f"Right after the middle of an episode or film, one pod may come; this one announces {ads} ad(s).",
                _between_pods,
                lambda s, ads=ads: s._replace(place="pod", ads_left=ads),  # type: ignore[misc]
            ),
        ]
    return rules


def _quartile_rules() -> list[Rule]:
    rules = []
    for stage in range(1, 4):
        share = 25 * stage
        rules += [
            Rule(
                f"ad_quartile_{share}",
                f"ad_quartile_{share}",
                f"An ad passes {share} % once, in order, while it does not stall.",
                lambda s, stage=stage: s.place == "ad" and s.ad_stage == stage - 1 and not s.stalled,  # type: ignore[misc]
                lambda s, stage=stage: s._replace(ad_stage=stage),  # type: ignore[misc]
            ),
            Rule(
                f"content_quartile_{share}",
                f"content_quartile_{share}",
                f"Content passes {share} % once, in order, after all heartbeats of the quarter.",
                lambda s, stage=stage: s.beats_full and s.quarter == stage - 1,  # type: ignore[misc]
                lambda s, stage=stage: s._replace(quarter=stage, beats=0, pod_done=False),  # type: ignore[misc]
            ),
        ]
    return rules


RULES: tuple[Rule, ...] = (
    Rule(
        "launch", "app_launch", "A session begins with the launch of the app.",
        lambda s: s.place == "off", lambda _: State("launched"),
    ),
    Rule(
        "relaunch", "app_launch", "The app may die while it buffers; launched again, it begins anew.",
        lambda s: s.stalled, lambda _: State("launched"),
    ),
    Rule(
        "session_start", "session_start", "The launched app starts one session.",
        lambda s: s.place == "launched", lambda _: State("ready"),
    ),
    *_load_rules(),
    Rule(
        "next_episode", "content_load_episode", "An episode seen to its end may be followed by the next one.",
        lambda s: s.place == "ended" and s.kind == "episode", lambda _: State("loaded", "episode"),
    ),
    *_pod_rules(),
    Rule(
        "ad_start", "ad_start", "An ad starts in a pod that still owes one.",
        lambda s: s.place == "pod" and s.ads_left > 0, lambda s: s._replace(place="ad", ad_stage=0),
    ),
    *_quartile_rules(),
    Rule(
        "ad_complete", "ad_complete", "An ad is complete after its three quartiles.",
        lambda s: s.place == "ad" and s.ad_stage == 3 and not s.stalled, _ad_over,  # noqa: PLR2004
    ),
    Rule(
        "ad_skip", "ad_skip", "An ad may be skipped between 25 % and 50 %; it counts as one of the pod's.",
        lambda s: s.place == "ad" and s.ad_stage == 1 and not s.stalled, _ad_over,
    ),
    Rule(
        "ad_pod_end", "ad_pod_end", "A pod ends after exactly as many ads as it announced.",
        lambda s: s.place == "pod" and s.ads_left == 0, lambda s: s._replace(place="loaded", pod_done=True),
    ),
    Rule(
        "play", "content_play", "Loaded content plays, at once or after its pod.",
        lambda s: s.place == "loaded", lambda s: s._replace(place="content"),
    ),
    Rule(
        "heartbeat", "heartbeat", "Content beats only while it runs, and so often in a quarter as its kind says.",
        lambda s: s.playing and s.beats < BEATS[s.kind],
        lambda s: s._replace(beats=s.beats + 1, pod_done=False),
    ),
    Rule(
        "pause", "pause", "Content that runs may be paused.",
        lambda s: s.playing, lambda s: s._replace(paused=True),
    ),
    Rule(
        "resume", "resume", "Paused content resumes, after a seek within the pause is over.",
        lambda s: s.paused and not s.seeking, lambda s: s._replace(paused=False),
    ),
    Rule(
        "seek", "seek_start", "Content that runs may be sought in; a seek stays between two beats.",
        lambda s: s.playing, lambda s: s._replace(seeking=True),
    ),
    Rule(
        "seek_paused", "seek_start", "Paused content may be sought in, and is paused after.",
        lambda s: s.paused and not s.seeking, lambda s: s._replace(seeking=True),
    ),
    Rule(
        "seek_end", "seek_end", "A seek ends once, when it does not stall.",
        lambda s: s.seeking and not s.stalled, lambda s: s._replace(seeking=False),
    ),
    Rule(
        "stall", "buffer_start", "Content that runs may stall.",
        lambda s: s.playing, lambda s: s._replace(stalled=True),
    ),
    Rule(
        "stall_seeking", "buffer_start", "A seek may stall.",
        lambda s: s.seeking and not s.stalled, lambda s: s._replace(stalled=True),
    ),
    Rule(
        "stall_ad", "buffer_start", "An ad may stall.",
        lambda s: s.place == "ad" and not s.stalled, lambda s: s._replace(stalled=True),
    ),
    Rule(
        "buffer_end", "buffer_end", "A stall ends where it began: in the seek, the content or the ad.",
        lambda s: s.stalled, lambda s: s._replace(stalled=False),
    ),
    Rule(
        "content_end", "content_end", "Content ends after the heartbeats of its last quarter.",
        lambda s: s.beats_full and s.quarter == 3,  # noqa: PLR2004
        lambda s: State("ended", s.kind if s.kind == "episode" else ""),
    ),
    Rule(
        "stop", "content_stop", "A viewer may stop content that runs.",
        lambda s: s.playing, lambda _: State("ended"),
    ),
    Rule(
        "stop_paused", "content_stop", "A viewer may stop paused content.",
        lambda s: s.paused and not s.seeking, lambda _: State("ended"),
    ),
    Rule(
        "session_end", "session_end", "A session ends after its content.",
        lambda s: s.place == "ended", lambda _: State("over"),
    ),
    Rule(
        "app_close", "app_close", "The app is closed after the session.",
        lambda s: s.place == "over", lambda _: State("closed"),
    ),
)  # fmt: skip
