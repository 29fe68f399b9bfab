"""What spoke for and against an answer: exact where the model is a sum, by replacement where it is made of trees.

An effect is a difference of log odds, per field. Of a logistic regression it is what the field adds, exactly. Of any
other model it is how far the log odds fall where the field's columns are those of typical titles instead, on average
over some of them: what the field as it is does for this title.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from offbeat.packs.top10.features import CATEGORIES, Encoding, Numbers, Texts, field_of
from offbeat.tabular import Calibrated
from offbeat.tabular.base import logit
from offbeat.tabular.linear import Logistic


class Explainer:
    """Effects of fields for one model.

    Args:
        columns: names of its columns, in order.
        background: typical titles, [b, columns].
    """

    def __init__(self, model: Calibrated, columns: Sequence[str], background: np.ndarray) -> None:
        self._model = model
        self._background = background
        self.fields = tuple(dict.fromkeys(field_of(column) for column in columns))
        place = {field: i for i, field in enumerate(self.fields)}
        owner = np.array([place[field_of(column)] for column in columns])
        self._own = owner[None, :] == np.arange(len(self.fields))[:, None]

    def answer(self, row: np.ndarray) -> tuple[float, np.ndarray]:
        """Calibrated probability, and the effect of each field; float64, [fields]."""
        member = self._model.member
        if isinstance(member, Logistic):
            probability = float(self._model.predict(row[None, :])[0])
            parts = member.scaling.apply(row[None, :])[0] * member.weights * self._model.slope
            return probability, self._own @ parts
        # One call for the title itself and all its replaced forms: most of the time is in the call.
        n, b = len(self.fields), len(self._background)
        replaced = np.where(self._own[:, None, :], self._background[None], row[None, None])
        said = self._model.predict(np.concatenate([row[None, :], replaced.reshape(n * b, -1)]))
        odds = logit(said)
        return float(said[0]), odds[0] - odds[1:].reshape(n, b).mean(axis=1)


def describe(field: str, numbers: Numbers, texts: Texts, encoding: Encoding) -> str:
    """A field's value as a reader takes it; `not given` where it is not known."""
    if field in ("director", "cast", "company"):
        names, tries = texts.get(field), numbers.get(f"{field}_tries")
        if not names:
            return "not given"
        shown = ", ".join(names[:3]) + (" …" if len(names) > 3 else "")  # noqa: PLR2004 - enough to recognise
        if not tries:
            return f"{shown}: no earlier title known"
        return f"{shown}: {numbers.get(f'{field}_charted', 0):.0f} of {tries:.0f} earlier titles charted"
    if field in CATEGORIES:
        return ", ".join(texts.get(field, ())) or "not given"
    return _number_text(field, numbers, encoding)


def _number_text(field: str, numbers: Numbers, encoding: Encoding) -> str:
    value = numbers.get({"year": "age_years"}.get(field, field))
    if field not in encoding.fields and field != "year":
        return "not used"
    if value is None:
        return "not given"
    if field == "year":
        return "new" if value <= 0 else f"{value:.0f} year{'' if value == 1 else 's'} old"
    if field == "franchise":
        return "yes" if value else "no"
    if field == "weekly_hours_viewed":
        return f"{value / 1e6:.1f} million hours"
    units = {"runtime_min": " min", "title_words": " words"}
    return f"{value:g}{units.get(field, '')}"


LABELS: Mapping[str, str] = {
    "runtime_min": "Running time", "metascore": "Metascore", "year": "Year", "month": "Month of release",
    "cast_size": "Size of the cast", "title_words": "Length of the title", "franchise": "Franchise or sequel",
    "kind": "Kind", "genre": "Genre", "language": "Language", "rating_label": "Rating label", "director": "Director",
    "cast": "Cast", "company": "Company", "weekly_hours_viewed": "Hours of the first week",
}  # fmt: skip
