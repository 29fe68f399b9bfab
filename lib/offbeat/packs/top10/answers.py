"""The saved model as one that answers: the same code in Spark's workers, in the form and in tests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from offbeat.packs.top10.examples import EARLY, QUESTIONS
from offbeat.packs.top10.explain import LABELS, Explainer, describe
from offbeat.packs.top10.features import ROLES, Encoding, Numbers, Texts
from offbeat.tabular import SavedModel
from offbeat.tabular.ensembles import Bundle

YES = "Yes, it will be in the Netflix Top 10!"
NO = "Sorry, this movie will not make the cut."
THRESHOLD = 0.5
"""Yes from here on: more likely than not, by a calibrated probability."""
_SILENT = 0.01  # log odds; below, a field said nothing


@dataclass(frozen=True)
class Reason:
    """What a field did for an answer: above 0 it spoke for, below against."""

    field: str
    text: str
    effect: float


@dataclass(frozen=True)
class Track:
    """How often titles like this one charted, among titles that the model had not seen.

    Attributes:
        low, high: probabilities of these titles. n, charted: how many, and how many of them charted.
        share_low, share_high: 95 % interval of the share.
    """

    low: float
    high: float
    n: int
    charted: int
    share_low: float
    share_high: float


@dataclass(frozen=True)
class Answer:
    """An answer with what stands behind it."""

    question: str
    probability: float
    yes: bool
    reasons: tuple[Reason, ...]
    track: Track | None

    @property
    def text(self) -> str:
        """The answer in words."""
        return YES if self.yes else NO


class Answering:
    """A saved model, ready to answer both questions.

    Args:
        saved: what `train` wrote, checked and opened.
    """

    def __init__(self, saved: SavedModel) -> None:
        self.saved = saved
        self.version = saved.version
        self.record: dict[str, Any] = saved.record
        bundle = saved.model
        if not isinstance(bundle, Bundle):
            raise TypeError(f"model {saved.version}: not one of the pack top10")
        self.encodings = {q: Encoding.from_json(json.dumps(self.record["encodings"][q])) for q in QUESTIONS}
        self._explainers = {
            q: Explainer(bundle.named(q), self.encodings[q].columns, saved.extra[f"background_{q}"])  # type: ignore[arg-type]
            for q in QUESTIONS
        }
        self._tracks = {q: [Track(**each) for each in self.record["tracks"][q]] for q in QUESTIONS}
        self.people = _people(saved.extra)

    def answer(self, question: str, numbers: Numbers, texts: Texts) -> Answer:
        """Probability, answer and reasons of one title."""
        encoding, explainer = self.encodings[question], self._explainers[question]
        row = np.asarray(encoding.row(numbers, texts), np.float64)
        probability, effects = explainer.answer(row)
        order = np.argsort(-np.abs(effects), kind="stable")
        reasons = tuple(
            Reason(
                LABELS.get(explainer.fields[i], explainer.fields[i]),
                describe(explainer.fields[i], numbers, texts, encoding),
                round(float(effects[i]), 4),
            )
            for i in order
            if abs(effects[i]) >= _SILENT
        )
        return Answer(
            question, probability, probability >= THRESHOLD, reasons, self._track(question, probability)
        )

    def history(self, texts: Texts) -> dict[str, float]:
        """What people and companies did so far, by the tables that the model was trained on."""
        found: dict[str, float] = {}
        for role in ROLES:
            names = texts.get(role)
            if names and self.people.get(role):
                pairs = [self.people[role].get(name.casefold(), ("", 0, 0)) for name in names]
                found[f"{role}_tries"] = float(sum(pair[1] for pair in pairs))
                found[f"{role}_charted"] = float(sum(pair[2] for pair in pairs))
        return found

    def uses(self, field: str, question: str) -> bool:
        """Whether a field has a column of its own in a question's model."""
        return field in self._explainers[question].fields

    def _track(self, question: str, probability: float) -> Track | None:
        return next((t for t in self._tracks[question] if t.low <= probability <= t.high), None)


def _people(extra: Mapping[str, np.ndarray]) -> dict[str, dict[str, tuple[str, int, int]]]:
    """Role to folded name to name, earlier titles, charting ones among them."""
    found: dict[str, dict[str, tuple[str, int, int]]] = {role: {} for role in ROLES}
    columns = (extra["people_role"], extra["people_name"], extra["people_tries"], extra["people_charted"])
    for role, name, tries, charted in zip(*(c.tolist() for c in columns), strict=True):
        found[role][name.casefold()] = (name, tries, charted)
    return found


def question_of(numbers: Numbers) -> str:
    """Which model answers: the one after the first week where its hours are given."""
    return EARLY if "weekly_hours_viewed" in numbers else QUESTIONS[0]
