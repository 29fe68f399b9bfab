"""What a person may say of a title: ranges, types and names are checked here, for the form, the API and batches."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from offbeat.packs.top10.features import HOURS

MAX_NAME = 100
MAX_NAMES = 20
_FORMULA = ("=", "+", "-", "@")
_MARKUP = re.compile(r"[<>{}]|&\w+;|javascript:", re.IGNORECASE)


def _as_names(value: Any) -> Any:
    """One text, or a list of them, as a list of names: parted at commas, without blanks around them."""
    if isinstance(value, str):
        value = [value]
    if isinstance(value, list | tuple):
        each = [part for name in value for part in (name.split(",") if isinstance(name, str) else [name])]
        return [" ".join(name.split()) if isinstance(name, str) else name for name in each]
    return value


def _check_name(name: str) -> str:
    """A name as people have them.

    Raises:
        ValueError: it holds markup, begins like a formula, has no letter, or is too long.
    """
    if len(name) > MAX_NAME:
        raise ValueError(f"a name has at most {MAX_NAME} letters, one here has {len(name)}")
    if _MARKUP.search(name):
        raise ValueError("a name has no <, >, { or } and no markup")
    if name.startswith(_FORMULA):
        raise ValueError("a name does not begin with =, +, - or @")
    if any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Co") for letter in name):
        raise ValueError("a name has no hidden or control characters")
    if not any(letter.isalnum() for letter in name):
        raise ValueError("a name has at least one letter or digit")
    return name


Names = Annotated[list[str], BeforeValidator(_as_names)]


class Title(BaseModel):
    """What is known of a title; what is left out is not known."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "example": {
                "imdb_rating": 7.1, "metascore": 68, "rating_label": "PG-13", "weekly_hours_viewed": None,
                "votes": 12000, "year": 2025, "genre": ["Thriller"], "cast": ["Ada Abbott"], "director": "Greta Berg",
            }
        },
    )  # fmt: skip

    imdb_rating: float | None = Field(None, ge=1, le=10, description="IMDb rating, 1 to 10")
    metascore: float | None = Field(None, ge=1, le=100, description="Metascore, 1 to 100")
    rating_label: str | None = Field(None, max_length=20, description="age rating: PG-13, TV-MA …")
    weekly_hours_viewed: float | None = Field(
        None, gt=0, le=5e9, description="hours of its first week; with them the second model answers"
    )
    votes: int | None = Field(None, ge=0, le=1_000_000_000, description="IMDb votes")
    year: int = Field(ge=1890, le=2100, description="year of release")
    genre: Names = Field(min_length=1, max_length=MAX_NAMES, description="a genre, or several")
    cast: Names = Field(min_length=1, max_length=MAX_NAMES, description="at least one of the cast")
    director: Names = Field(min_length=1, max_length=MAX_NAMES, description="the director, or several")

    @field_validator("genre", "cast", "director")
    @classmethod
    def _names(cls, names: list[str]) -> list[str]:
        kept = [name for name in names if name]
        if not kept:
            raise ValueError("give at least one name")
        return [_check_name(name) for name in kept]

    @field_validator("rating_label")
    @classmethod
    def _label(cls, label: str | None) -> str | None:
        return _check_name(" ".join(label.split())) if label and label.strip() else None


_CONVERTED = {"imdb_rating": float, "metascore": float, HOURS: float, "votes": int, "year": int}


def from_texts(given: dict[str, Any]) -> tuple[Title | None, dict[str, str]]:
    """A title from a form's or a CSV row's texts; else what is wrong, by field."""
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for field, value in given.items():
        text = value.strip() if isinstance(value, str) else value
        if text in ("", None, []):
            continue
        if field in _CONVERTED:
            try:
                values[field] = _CONVERTED[field](
                    str(text).replace(",", "") if field in ("votes", HOURS) else text
                )
            except (TypeError, ValueError, OverflowError):
                errors[field] = (
                    f"expected a {'whole number' if _CONVERTED[field] is int else 'number'}, got {shortened(str(text))}"
                )
        else:
            values[field] = text
    try:
        title = Title.model_validate(values)
    except ValidationError as error:
        return None, said_of(error.errors()) | errors
    return (None, errors) if errors else (title, {})


def said_of(errors: Iterable[Any]) -> dict[str, str]:
    """What pydantic found, by field, in words for people."""
    found: dict[str, str] = {}
    for each in errors:
        names = [str(part) for part in each["loc"] if part != "body"]
        field = names[0] if names and not names[0].isdigit() else "request"
        found.setdefault(field, _words(each))
    return found


_SAID = {
    "json_invalid": "not JSON; send one title as a JSON object",
    "model_attributes_type": "expected one title as a JSON object",
    "model_type": "expected one title as a JSON object",
    "dict_type": "expected one title as a JSON object",
    "missing": "this is needed",
    "too_short": "give at least one name",
}
_BOUNDS = {"ge": "at least", "le": "at most", "gt": "more than", "lt": "less than"}


def _words(each: Any) -> str:
    """One finding of pydantic's in words for people."""
    context = each.get("ctx", {})
    if each["type"] in _SAID:
        return _SAID[each["type"]]
    if each["type"] == "too_long":
        return f"give at most {context['max_length']} names"
    if each["type"] == "extra_forbidden":
        return f"unknown field; known are {', '.join(Title.model_fields)}"
    for bound, way in _BOUNDS.items():
        if bound in context:
            return f"expected {way} {context[bound]:,g}, got {_typed(each['input'])}"
    text = str(each["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    return text[:1].lower() + text[1:]


def _typed(value: Any) -> str:
    """A number as one types it: 500 rather than 500.0."""
    return shortened(f"{value:.15g}" if isinstance(value, float) else str(value))


def shortened(text: str) -> str:
    """A text as a message shows it."""
    plain = "".join(letter if letter.isprintable() else "?" for letter in text)
    return repr(plain if len(plain) <= 40 else plain[:39] + "…")  # noqa: PLR2004 - a line's part
