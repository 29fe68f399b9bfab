"""The player's rules, by sessions written by hand."""

from __future__ import annotations

import pytest

from offbeat.packs.tvm.machine import EVENTS, MACHINE, codes_of, first_break, looks_legal
from offbeat.packs.tvm.mending import LEAVE_OUT, MOVE, PUT_IN, ways_to_mend
from offbeat.packs.tvm.rules import AMBIENT, BEATS, RULES

OPEN = "app_launch session_start content_load_clip content_play"
QUARTERS = (
    "heartbeat content_quartile_25 heartbeat content_quartile_50 heartbeat content_quartile_75 heartbeat"
)
CLOSE = "content_end session_end app_close"
AD = "ad_start ad_quartile_25 ad_quartile_50 ad_quartile_75 ad_complete"
STOP = "content_stop session_end app_close"


def codes(*parts: str) -> list[int]:
    return codes_of(" ".join(parts).split())


@pytest.mark.parametrize(
    "session",
    [
        codes(OPEN, QUARTERS, CLOSE),
        codes(OPEN, STOP),
        codes(OPEN, "pause", STOP),
        codes(OPEN, "pause seek_start seek_end resume heartbeat", STOP),
        codes(OPEN, "seek_start buffer_start buffer_end seek_end heartbeat", STOP),
        codes(
            "app_launch session_start content_load_clip ad_pod_start_1", AD, "ad_pod_end content_play", STOP
        ),
        codes(
            "app_launch session_start content_load_film ad_pod_start_2",
            AD,
            AD,
            "ad_pod_end content_play",
            STOP,
        ),
        codes(
            "app_launch session_start content_load_film ad_pod_start_1 ad_start ad_quartile_25 ad_skip ad_pod_end "
            "content_play",
            STOP,
        ),
        codes(
            "app_launch session_start content_load_episode content_play heartbeat heartbeat content_quartile_25 "
            "heartbeat heartbeat content_quartile_50 ad_pod_start_1",
            AD,
            "ad_pod_end content_play heartbeat heartbeat content_quartile_75 heartbeat heartbeat content_end "
            "content_load_episode content_play",
            STOP,
        ),
        codes(OPEN, "buffer_start"),  # the app died
        codes(OPEN, "heartbeat buffer_start", OPEN, QUARTERS, CLOSE),  # and was launched again
        codes(
            "app_launch volume_change session_start content_load_clip network_info impression content_play",
            STOP,
        ),
    ],
)
def test_legal_session(session):
    assert first_break(session) is None
    assert looks_legal(session)


@pytest.mark.parametrize(
    "session, place",
    [
        (codes("session_start content_load_clip"), 0),  # no launch
        (codes("app_launch content_load_clip"), 1),  # no session
        (codes(OPEN, "heartbeat heartbeat"), 5),  # a clip beats once in a quarter
        (codes(OPEN, "content_quartile_25"), 4),  # before its heartbeat
        (codes(OPEN, "heartbeat content_quartile_50"), 5),  # out of order
        (codes(OPEN, "heartbeat pause heartbeat"), 6),  # beats while paused
        (codes(OPEN, "resume"), 4),  # never paused
        (codes(OPEN, "pause volume_change impression pause"), 7),  # paused already
        (codes(OPEN, "pause seek_start resume"), 6),  # in the middle of a seek
        (codes(OPEN, "pause seek_start seek_end heartbeat"), 7),  # still paused
        (codes(OPEN, "seek_start buffer_start seek_end"), 6),  # still stalled
        (codes(OPEN, "buffer_start heartbeat"), 5),
        (
            codes("app_launch session_start content_load_clip ad_pod_start_2", AD, "ad_pod_end"),
            9,
        ),  # one ad short
        (
            codes("app_launch session_start content_load_clip ad_pod_start_1", AD, "ad_start"),
            9,
        ),  # one too many
        (
            codes(
                "app_launch session_start content_load_clip ad_pod_start_1", AD, "ad_pod_end ad_pod_start_1"
            ),
            10,
        ),
        (
            codes("app_launch session_start content_load_clip ad_pod_start_1 ad_start ad_skip"),
            5,
        ),  # before 25 %
        (
            codes(OPEN, "heartbeat content_quartile_25 heartbeat content_quartile_50 ad_pod_start_1"),
            8,
        ),  # in a clip
        (codes(OPEN, QUARTERS, "content_end content_load_clip"), 12),  # no binge of clips
        (codes(OPEN, "content_stop content_load_episode"), 5),
        (codes(OPEN, "app_launch"), 4),  # the app dies in a stall alone
        (codes(OPEN, STOP, "app_launch"), 7),
        (codes(OPEN, QUARTERS, "content_end session_end"), 13),  # no close: the end itself breaks the rule
        (codes("volume_change"), 1),
        ([], 0),
    ],
)
def test_illegal_session_breaks_where_it_should(session, place):
    assert first_break(session) == place


def test_every_rule_says_what_it_is_and_can_be_met():
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(rule.doc.endswith(".") for rule in RULES)
    assert set(MACHINE.rule[MACHINE.rule >= 0].tolist()) == set(range(len(RULES)))


def test_every_state_leads_to_an_end():
    reaches = MACHINE.may_end.copy()
    for _ in MACHINE.states:
        reaches |= ((MACHINE.after >= 0) & reaches[MACHINE.after]).any(axis=1)
    assert reaches.all()


def test_codes_name_every_event_once():
    assert len(set(EVENTS)) == len(EVENTS)
    assert EVENTS[len(MACHINE.events) :] == AMBIENT
    assert set(MACHINE.events) == {rule.event for rule in RULES}
    assert all(f"content_load_{kind}" in EVENTS for kind in BEATS)


def test_unknown_event_has_no_code():
    with pytest.raises(KeyError):
        codes_of(["app_launch", "teleport"])


@pytest.mark.parametrize(
    "session, ways",
    [
        (codes(OPEN, QUARTERS, CLOSE), set()),  # legal
        (codes(OPEN, "pause", QUARTERS, CLOSE), {PUT_IN, LEAVE_OUT}),  # no resume, or a pause too many
        (codes(OPEN, "pause volume_change", QUARTERS, CLOSE), {PUT_IN, LEAVE_OUT}),
        (codes(OPEN, "pause heartbeat", STOP), {PUT_IN, LEAVE_OUT, MOVE}),  # or paused after the beat
        (codes(OPEN, "heartbeat", QUARTERS, CLOSE), {LEAVE_OUT}),
        (codes(OPEN, "content_quartile_25", STOP), {PUT_IN, LEAVE_OUT}),
        (codes(OPEN, "heartbeat content_quartile_25 heartbeat pause", "session_end app_close"), {PUT_IN}),
        (codes(OPEN, "content_quartile_25 heartbeat content_quartile_50", STOP), {PUT_IN}),
        (codes(OPEN, "content_quartile_25 heartbeat heartbeat content_quartile_50", STOP), {MOVE}),
        (codes("app_launch content_load_clip session_start content_play", STOP), {MOVE}),
        (codes(OPEN, "content_stop app_close session_end"), {MOVE}),
        (codes(OPEN, "resume", "content_quartile_50", STOP), set()),  # two faults
    ],
)
def test_the_ways_to_mend_a_session(session, ways):
    assert ways_to_mend(session) == ways


def test_neighbours_alone_do_not_betray_a_long_range_fault():
    film = "app_launch session_start content_load_film content_play heartbeat heartbeat heartbeat"
    assert looks_legal(codes(film, "heartbeat content_quartile_25", STOP))  # one beat too many
    assert not looks_legal(codes(OPEN, "pause heartbeat", STOP))
    assert not looks_legal(codes(OPEN, "pause volume_change heartbeat", STOP))
    assert looks_legal(codes(OPEN, "pause volume_change impression heartbeat", STOP))
    assert not looks_legal(codes(OPEN, QUARTERS, "content_end session_end"))
