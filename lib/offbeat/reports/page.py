"""The page that all reports share: one self-contained HTML file that opens offline.

Nothing on it comes from elsewhere: styles, scripts and the chart library stand in the file, and its content
security policy names the scripts by their hashes and forbids every request. The same input gives the same bytes.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from offbeat.errors import UsageError
from offbeat.reports import form
from offbeat.reports.data import Head

# What the library puts where page.js finds it.
_PUBLISH = "window.vegaEmbed = vegaEmbed;"
_UNSAFE_IN_SCRIPT = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


@dataclass(frozen=True)
class Section:
    """A part of a page with a heading of its own.

    Attributes:
        id: what links lead to; letters, digits and hyphens, unique on its page.
        parts: markup, in order; see `parts`.
        intro: a sentence or two under the heading.
        folded: shown closed at first.
    """

    id: str
    title: str
    parts: Sequence[Markup] = ()
    intro: str | Markup = ""
    folded: bool = False


def render_page(head: Head, sections: Sequence[Section]) -> str:
    """The whole page.

    Charts need `vl_convert` once for a page; a page without charts carries no chart library.

    Raises:
        UsageError: a chart is on the page and the package with the chart library is not installed.
    """
    body = "".join(str(part) for section in sections for part in section.parts)
    scripts = [_text("page.js")]
    if "data-chart=" in body:
        scripts.insert(0, chart_library())
    early = _text("theme.js")
    context = {
        "head": head,
        "sections": sections,
        "early": Markup(early),  # noqa: S704 - our own file
        "scripts": [Markup(script) for script in scripts],  # noqa: S704 - our own file and the library's
        "policy": _policy([early, *scripts]),
    }
    return render("page.html", **context)


def render(template: str, **context: Any) -> Markup:
    """A template of ours with its values escaped; a name that is not given is an error."""
    return Markup(environment().get_template(template).render(**context))  # noqa: S704 - escaped by the template


def new_environment(read: Callable[[str], str], *, finalize: Callable[[Any], Any]) -> Environment:
    """Jinja with autoescape always on, and strict about names.

    Args:
        read: gives a template's text by its name. finalize: what happens to a value before it is escaped.
    """
    return Environment(
        loader=FunctionLoader(read),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=finalize,
        auto_reload=False,
    )


@functools.cache
def environment() -> Environment:
    """The pages' own templates, with the filters of `form`; None reads as not known."""
    made = new_environment(_text, finalize=_finalize)
    for written in (
        form.count,
        form.number,
        form.percentile,
        form.probability,
        form.duration,
        form.event_name,
    ):
        made.filters[written.__name__] = written
    made.filters |= {
        "clipped": form.clipped,
        "instant": form.instant,
        "iso": form.iso,
        "link": form.safe_link,
    }
    return made


def embed_json(value: Any) -> Markup:
    """A value as JSON that can stand in a <script> of the page: no text in it can end the script or open a tag.

    Raises:
        ValueError: a number is not finite.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_jsonable)
    for letter, escape in _UNSAFE_IN_SCRIPT.items():
        text = text.replace(letter, escape)
    return Markup(text)  # noqa: S704 - escaped above


@functools.cache
def chart_library() -> str:
    """Vega, Vega-Lite and vega-embed as one script of about 0.9 MB; takes some seconds, once per process.

    Raises:
        UsageError: the package that holds it is not installed.
    """
    try:
        import vl_convert
    except ImportError as error:
        raise UsageError(
            "reports: the package vl-convert-python is not installed; install offbeat[reports]"
        ) from error
    script: str = vl_convert.javascript_bundle(_PUBLISH)
    if "</script" in script.lower() or "<!--" in script:
        raise RuntimeError("the chart library holds a text that would end its own script")
    return script


def _policy(scripts: Sequence[str]) -> str:
    """Content security policy: no request at all, and no script but these.

    Vega compiles its expressions, which needs unsafe-eval; the expressions come from our specs, never from data.
    """
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes} 'unsafe-eval'; style-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


@functools.cache
def _text(name: str) -> str:
    """A file of templates/, also from inside a zip."""
    return files("offbeat.reports.templates").joinpath(name).read_text(encoding="utf-8")


def _finalize(value: Any) -> Any:
    """What Jinja does to a value before it escapes it: None reads as not known, hidden characters show."""
    if value is None:
        return form.NONE
    return form.visible(value) if type(value) is str else value


def _jsonable(value: Any) -> Any:
    if hasattr(value, "item"):  # a NumPy scalar
        return value.item()
    raise TypeError(f"{type(value).__name__} can't be embedded in a page")
