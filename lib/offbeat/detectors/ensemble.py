"""Several detectors as one: each says how rare a session like this is, and the rarest of them counts most."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import numpy as np

from offbeat.detectors.base import Detector, EventScores, Progress, Sequences
from offbeat.detectors.history import History
from offbeat.detectors.options import nearest_name, read_settings
from offbeat.detectors.tails import Tail
from offbeat.detectors.vocabulary import Vocabulary
from offbeat.errors import InputRefused, UsageError

_PARTS = 20


@dataclass(frozen=True)
class Settings:
    """Who takes part.

    Attributes:
        members: names of detectors; the first that looks at single events explains what is flagged.
        settings: of a member, by its name.
    """

    members: tuple[str, ...] = ("lstm", "counts", "new_event", "length")
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        members: object = self.members  # a config may hold anything
        if not isinstance(members, list | tuple) or not members:
            raise ValueError(f"members: expected a list of detectors, got {self.members!r}")
        object.__setattr__(self, "members", tuple(self.members))
        if len(set(self.members)) < len(self.members):
            raise ValueError(f"members: {list(self.members)} names one twice")
        strangers = sorted(set(self.settings) - set(self.members))
        if strangers:
            raise ValueError(
                f"settings.{strangers[0]}: no member; {nearest_name(strangers[0], self.members)}"
            )


class Ensemble(Detector):
    """Score: -ln of the harmonic mean of the shares of normal sessions that look as strange, one share per member.

    A member's scores are calibrated on the validation sessions: what counts is how rare a score is, whatever its unit.
    The harmonic mean is ruled by the smallest share and holds however much the members agree with each other. None of
    these sessions is rarer than all of them, and each member has a rarest of its own; so the threshold is set with
    scores that they have where they are left out of the calibration, a twentieth at a time.

    References: Wilson 2019 (harmonic mean p-value).
    """

    name = "ensemble"
    kinds: ClassVar[
        Callable[[str], Detector]
    ]  # `detectors.create`, which knows this class and so is put in by it

    def fit(
        self,
        train: Sequences,
        validation: Sequences,
        *,
        vocabulary: Vocabulary,
        seed: int = 0,
        settings: Mapping[str, Any] | None = None,
        progress: Progress | None = None,
    ) -> History:
        """Fit each member, then see how the validation sessions score with it.

        Raises:
            InputRefused: there are no validation sessions.
            UsageError: a member is unknown, or an ensemble itself.
        """
        began = time.perf_counter()
        self.settings = read_settings(Settings, settings, detector=self.name)
        if not len(validation):
            raise InputRefused("validation: no held-out session to compare the members on; widen the sample")
        history, self.members, self.tails = History(), [], []
        usual = []
        for name in self.settings.members:
            member = self._create(name)
            own = self.settings.settings.get(name)
            learnt = member.fit(
                train, validation, vocabulary=vocabulary, seed=seed, settings=own, progress=progress
            )
            history = learnt if learnt.loss and not history.loss else history
            self.members.append(member)
            usual.append(member.score(validation))
            self.tails.append(Tail.fit(usual[-1], mixed=validation.mixed))
        self.held = _held_out(usual, mixed=validation.mixed, seed=seed)
        self.vocabulary_hash = vocabulary.hash
        history.n_sessions, history.n_events = len(train), len(train.ids)
        history.seconds = time.perf_counter() - began
        return history

    def _create(self, name: str) -> Detector:
        if name == self.name:
            raise UsageError("model.settings.members: an ensemble can't be a member of one")
        return type(self).kinds(name)

    @property
    def takes(self) -> tuple[str, ...]:
        """Names of the covariates that any member takes."""
        return tuple(dict.fromkeys(name for member in self.members for name in member.takes))

    def score(self, sequences: Sequences) -> np.ndarray:
        """See the class."""
        members = zip(self.members, self.tails, strict=True)
        return _combined([tail.surprises(member.score(sequences)) for member, tail in members])

    def surprise(self, sequences: Sequences, top_k: int = 5) -> EventScores | None:
        """That of the first member that looks at single events."""
        found = (member.surprise(sequences, top_k) for member in self.members)
        return next((events for events in found if events is not None), None)

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Members and their calibration, each under its own name."""
        values: dict[str, Any] = {"settings": asdict(self.settings), "members": []}
        arrays: dict[str, np.ndarray] = {}
        for member, tail in zip(self.members, self.tails, strict=True):
            own, theirs = member.state()
            values["members"].append(
                {"name": member.name, "beyond": tail.beyond, "pace": tail.pace, "state": own}
            )
            theirs = {**theirs, "tail_values": tail.values, "tail_surprise": tail.surprise}
            arrays |= {f"{member.name}.{name}": array for name, array in theirs.items()}
        return values, arrays

    def restore(self, values: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """Members and their calibration."""
        self.settings = Settings(**values["settings"])
        self.members, self.tails = [], []
        for entry in values["members"]:
            prefix = f"{entry['name']}."
            own = {
                name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)
            }
            values_at, surprise = own.pop("tail_values"), own.pop("tail_surprise")
            beyond = entry.get("beyond", float(surprise[-1]))  # earlier models begin there
            self.tails.append(Tail(values_at, surprise, beyond, entry["pace"]))
            member = self._create(entry["name"])
            member.vocabulary_hash = self.vocabulary_hash
            member.restore(entry["state"], own)
            self.members.append(member)


def _combined(nats: list[np.ndarray]) -> np.ndarray:
    """-ln of the harmonic mean of the members' shares, given as -ln of each; float32, [n]."""
    each = np.stack(nats)
    top = each.max(axis=0) if each.size else np.zeros(each.shape[1])
    return np.asarray(top + np.log(np.exp(each - top).mean(axis=0)), np.float32)


def _held_out(usual: list[np.ndarray], *, mixed: bool, seed: int) -> np.ndarray | None:
    """How the sessions score with tails that were fitted without them; None of a single one.

    Args: usual: the scores that each member gives them.
    """
    n = len(usual[0])
    if n == 1:
        return None
    part = np.random.default_rng(seed).permutation(n) % _PARTS
    found = np.zeros(n, np.float32)
    for rows in (np.flatnonzero(part == number) for number in range(min(n, _PARTS))):
        tails = [Tail.fit(np.delete(scores, rows), mixed=mixed) for scores in usual]
        found[rows] = _combined(
            [tail.surprises(scores[rows]) for tail, scores in zip(tails, usual, strict=True)]
        )
    return found
