"""From a checked title to an answer: what form, API and batches share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from offbeat.packs.top10.answers import Answer, Answering, question_of
from offbeat.packs.top10.examples import BEFORE, EARLY
from offbeat.packs.top10.explain import LABELS
from offbeat.packs.top10.features import HOURS, LATE
from offbeat.serving.titles import Title

KIND = "film"  # the form asks about films
_ASKED = {
    LABELS[name] for name in ("kind", "metascore", "year", "genre", "rating_label", "director", "cast", HOURS)
}
"""Fields that reasons may name: what is not asked for (running time, language …) can't be given either."""
QUESTION_WORDS = {
    BEFORE: "before release",
    EARLY: "after its first week in the lists: will it be listed again within four weeks?",
}


@dataclass(frozen=True)
class Told:
    """An answer, and the fields that played no part in it, with why."""

    answer: Answer
    not_used: Mapping[str, str]


class Service:
    """Answers about titles from a saved model."""

    def __init__(self, answering: Answering) -> None:
        self.answering = answering
        self._year = int(answering.record["last_week"][:4])

    def ask(self, title: Title) -> Told:
        """The answer about a title; with the hours of its first week, the second model's."""
        numbers, texts = self.known(title)
        question = question_of(numbers)
        found = self.answering.answer(question, numbers, texts)
        asked = replace(found, reasons=tuple(each for each in found.reasons if each.field in _ASKED))
        return Told(asked, self._not_used(title, question))

    def known(self, title: Title) -> tuple[dict[str, float], dict[str, list[str]]]:
        """A title as the model's fields: numbers and names; what was not given is not in them."""
        texts = {"genre": title.genre, "cast": title.cast, "director": title.director, "kind": [KIND]}
        if title.rating_label:
            texts["rating_label"] = [title.rating_label]
        numbers: dict[str, float] = {
            "age_years": float(max(0, self._year - title.year)),
            "cast_size": float(len(title.cast)),
        }
        for field in ("metascore", HOURS, "imdb_rating", "votes"):
            value = getattr(title, field)
            if value is not None:
                numbers[field] = float(value)
        return {**self.answering.record["fill"], **numbers, **self.answering.history(texts)}, texts

    def why_not(self, field: str, question: str = BEFORE) -> str | None:
        """Why a question's model may not use, or does not have, a field; None where it uses it."""
        used = {"weekly_hours_viewed": HOURS}.get(field, field)
        if self.answering.uses(used, question):
            return None
        if field == HOURS:
            return "only the model after the first week uses it"
        if field in LATE:
            return f"not used: known only {LATE[field]}"
        return "not used: the catalogue that the model learned from does not have it"

    def _not_used(self, title: Title, question: str) -> dict[str, str]:
        given = {name for name in Title.model_fields if getattr(title, name) not in (None, [])}
        found = {name: self.why_not(name, question) for name in Title.model_fields if name in given}
        unknown = {name: self._unknown(name, title, question) for name in ("genre", "rating_label")}
        return {name: why for name, why in (unknown | {n: w for n, w in found.items() if w}).items() if why}

    def _unknown(self, field: str, title: Title, question: str) -> str | None:
        """Which of the given names the model has no column for; None where it knows them all."""
        given = getattr(title, field) or []
        known = self.answering.encodings[question].names.get(field, ())
        folded = {name.casefold() for name in known}
        strange = [
            name for name in ([given] if isinstance(given, str) else given) if name.casefold() not in folded
        ]
        if not strange or not known:
            return None
        return f"the model does not know {', '.join(strange)}; it knows {', '.join(known)}"


def as_json(told: Told, version: str) -> dict[str, Any]:
    """An answer as the API gives it."""
    answer, track = told.answer, told.answer.track
    return {
        "answer": answer.text,
        "will_chart": answer.yes,
        "probability": round(answer.probability, 6),
        "question": answer.question,
        "reasons": [{"field": r.field, "text": r.text, "effect": r.effect} for r in answer.reasons],
        "not_used": dict(told.not_used),
        "track_record": None
        if track is None
        else {
            "titles": track.n, "charted": track.charted,
            "share_low": round(track.share_low, 4), "share_high": round(track.share_high, 4),
        },
        "model": version,
    }  # fmt: skip
