"""The form's pages: templates with every value escaped, one style sheet, no script at all."""

from __future__ import annotations

import base64
import functools
import hashlib
from importlib.resources import files
from typing import Any

from jinja2 import Environment

from offbeat.packs.top10.examples import BEFORE
from offbeat.packs.top10.features import HOURS
from offbeat.reports import form
from offbeat.reports.page import new_environment
from offbeat.serving.service import QUESTION_WORDS, Service, Told

_SHOWN_NAMES = 400  # known names that the form offers, those with the most titles
_CAST_INPUTS = 4

FIELDS: tuple[dict[str, Any], ...] = (
    {
        "name": "year",
        "label": "Year",
        "hint": "Year of release, four digits.",
        "needed": True,
        "min": 1890,
        "max": 2100,
        "step": 1,
    },
    {
        "name": "genre",
        "label": "Genre",
        "hint": "One, or several with commas between.",
        "needed": True,
        "list": "genre",
    },
    {
        "name": "director",
        "label": "Director",
        "hint": "One name, or several with commas between.",
        "needed": True,
        "list": "director",
    },
    {
        "name": "rating_label",
        "label": "Rating label",
        "hint": "Age rating, such as PG-13 or TV-MA.",
        "list": "rating_label",
    },
    {
        "name": "metascore",
        "label": "Metascore",
        "hint": "1 to 100; leave empty if there is none yet.",
        "min": 1,
        "max": 100,
        "step": "any",
    },
    {"name": "imdb_rating", "label": "IMDb rating", "hint": "1 to 10.", "min": 1, "max": 10, "step": "any"},
    {"name": "votes", "label": "IMDb votes", "hint": "Number of votes, from 0 on.", "min": 0, "step": 1},
    {
        "name": HOURS,
        "label": "Weekly hours viewed",
        "hint": "Hours of its first week in the lists, if it has had one. With them the second model answers.",
        "min": 1,
        "step": "any",
    },
)


def render(template: str, **context: Any) -> str:
    """A page."""
    return _environment().get_template(template).render(style=style(), **context)


@functools.cache
def style() -> str:
    """The one style sheet."""
    return _text("style.css")


@functools.cache
def policy() -> str:
    """Content security policy: no script, our own style, forms to ourselves."""
    digest = base64.b64encode(hashlib.sha256(style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


def form_context(
    service: Service, values: dict[str, Any], errors: dict[str, str], told: Told | None
) -> dict[str, Any]:
    """What the page of the form shows.

    Args:
        values: texts as they were sent. errors: what is wrong, by field. told: the answer, where there is one.
    """
    cast = list(values.get("cast", []))
    fields = [
        {
            "needed": False,
            "list": None,
            **field,
            "value": values.get(field["name"], ""),
            "error": errors.get(field["name"]),
            "why": service.why_not(field["name"]),
        }
        for field in FIELDS
    ]
    labels = {field["name"]: field["label"] for field in FIELDS} | {"cast": "Cast"}
    return {
        "fields": fields,
        "labels": labels,
        "cast": [*cast, *[""] * _CAST_INPUTS][: max(_CAST_INPUTS, len(cast))],
        "cast_why": service.why_not("cast"),
        "idle": _needed_for_nothing(service),
        "errors": {name: errors[name] for name in labels if name in errors},
        "lists": known_names(service),
        "told": told,
        "for_it": [r for r in told.answer.reasons if r.effect > 0] if told else [],
        "against": [r for r in told.answer.reasons if r.effect < 0] if told else [],
        "question": QUESTION_WORDS[told.answer.question] if told else "",
        "right": _right(told),
        "version": service.answering.version,
    }


def _right(told: Told | None) -> dict[str, Any]:
    """How many titles with such an answer it was right of, and what these did."""
    if told is None or told.answer.track is None:
        return {}
    yes, track, charts = told.answer.yes, told.answer.track, told.answer.question == BEFORE
    if yes:
        did = "charted" if charts else "were listed again"
        return {"n": track.charted, "did": did, "low": track.share_low, "high": track.share_high}
    did = "did not chart" if charts else "were not listed again"
    return {
        "n": track.n - track.charted,
        "did": did,
        "low": 1 - track.share_high,
        "high": 1 - track.share_low,
    }


def _needed_for_nothing(service: Service) -> list[str]:
    """Fields that have to be filled and that neither question's model uses."""
    needed = [field for field in FIELDS if field.get("needed")] + [{"name": "cast", "label": "Cast"}]
    return [f["label"] for f in needed if all(service.why_not(f["name"], q) for q in QUESTION_WORDS)]


def known_names(service: Service) -> dict[str, list[str]]:
    """Names that the model knows, for autocomplete: those with the most titles."""
    answering = service.answering
    found = {
        role: [entry[0] for entry in list(people.values())[:_SHOWN_NAMES]]
        for role, people in answering.people.items()
        if role in ("director", "cast")
    }
    before = next(iter(answering.encodings.values()))
    return found | {name: list(before.names.get(name, ())) for name in ("genre", "rating_label")}


def model_context(service: Service) -> dict[str, Any]:
    """What the page on the model shows."""
    record = service.answering.record
    return {
        "version": service.answering.version,
        "record": record,
        "questions": QUESTION_WORDS,
        "encodings": service.answering.encodings,
        "fields": [
            {**field, "why": {q: service.why_not(field["name"], q) for q in QUESTION_WORDS}}
            for field in (*FIELDS, {"name": "cast", "label": "Cast"})
        ],
    }


@functools.cache
def _environment() -> Environment:
    made = new_environment(_text, finalize=lambda value: form.visible(value) if type(value) is str else value)
    made.filters |= {"share": form.share, "number": form.number, "count": form.count}
    return made


@functools.cache
def _text(name: str) -> str:
    return files("offbeat.serving.templates").joinpath(name).read_text(encoding="utf-8")
