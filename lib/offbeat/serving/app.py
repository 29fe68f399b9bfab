"""The web application: form, batches, model page, and the JSON API with its OpenAPI description."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import FastAPI, Request, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from offbeat import __version__
from offbeat.serving import batch, pages
from offbeat.serving.service import Service, as_json
from offbeat.serving.shield import Shield, wants_page
from offbeat.serving.titles import Title, from_texts, said_of

_BATCHES_AT_ONCE = 2


class ReasonOut(BaseModel):
    """What a field did for the answer, as a difference of log odds."""

    field: str
    text: str
    effect: float


class TrackOut(BaseModel):
    """Held-out titles with such a probability, and how many of them charted."""

    titles: int
    charted: int
    share_low: float
    share_high: float


class AnswerOut(BaseModel):
    """The answer about a title."""

    answer: str
    will_chart: bool
    probability: float
    question: str
    reasons: list[ReasonOut]
    not_used: dict[str, str]
    track_record: TrackOut | None
    model: str


class ErrorOut(BaseModel):
    """What is wrong, in words, and by field where it is one."""

    error: str
    fields: dict[str, str] = {}


class CsvResponse(PlainTextResponse):
    """A CSV file to keep."""

    media_type = "text/csv"


_REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorOut, "description": "a body that can't be read"},
    413: {"model": ErrorOut, "description": "too large"},
    429: {"model": ErrorOut, "description": "too many at once"},
}
_WORDS = {
    "There was an error parsing the body": "The request can't be read: it is not what it says it is, is nested too "
    "deeply, or holds a number of thousands of digits.",
    "Not Found": "There is nothing here.",
    "Method Not Allowed": "This address does not take that method.",
}
"""What the framework says -> the same for people."""


def build_app(service: Service) -> Any:
    """The ASGI application around a service."""
    app = FastAPI(title="offbeat top10", version=__version__, docs_url=None, redoc_url=None)
    _add_api(app, service)
    _add_pages(app, service)
    _add_errors(app, service)
    return Shield(app, policy=pages.policy(), page=lambda status, text: _error_page(service, status, text))


def _add_api(app: FastAPI, service: Service) -> None:
    version = service.answering.version

    @app.post(
        "/api/v1/predict",
        response_model=AnswerOut,
        responses={422: {"model": ErrorOut, "description": "a field is wrong"}, **_REFUSALS},
        summary="Will this title make the Netflix Top 10?",
    )
    async def predict(title: Title) -> JSONResponse:
        return JSONResponse(as_json(service.ask(title), version))

    @app.get("/health", summary="Whether the service answers, and with which model")
    async def health() -> dict[str, str]:
        return {"status": "ok", "model": version, "version": __version__}


def _add_pages(app: FastAPI, service: Service) -> None:
    gate = asyncio.Semaphore(_BATCHES_AT_ONCE)

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    async def empty() -> str:
        return pages.render("form.html", **pages.form_context(service, {}, {}, None))

    @app.post("/", response_class=HTMLResponse, include_in_schema=False)
    async def asked(request: Request) -> HTMLResponse:
        sent = await request.form(max_fields=40, max_files=0)
        given: dict[str, Any] = {
            name: str(sent.get(name, "")) for name in Title.model_fields if name != "cast"
        }
        given["cast"] = [str(name) for name in sent.getlist("cast") if str(name).strip()]
        title, errors = from_texts(given)
        told = service.ask(title) if title is not None else None
        body = pages.render("form.html", **pages.form_context(service, given, errors, told))
        return HTMLResponse(body, status_code=422 if errors else 200)

    @app.get("/model", response_class=HTMLResponse, include_in_schema=False)
    async def model() -> str:
        return pages.render("model.html", **pages.model_context(service))

    @app.get("/batch", response_class=HTMLResponse, include_in_schema=False)
    async def batch_form() -> str:
        return _batch_page(service, None)

    @app.get("/batch/template.csv", include_in_schema=False)
    async def batch_template() -> PlainTextResponse:
        return _as_download(batch.template(), "titles.csv")

    @app.post(
        "/batch",
        summary="Many titles as a CSV file",
        response_class=CsvResponse,
        responses={
            422: {"content": {"text/html": {}}, "description": "not a file that can be taken"},
            **_REFUSALS,
        },
    )
    async def batch_answer(file: UploadFile) -> Response:
        if gate.locked():
            raise HTTPException(
                429, "Other batches are at work; try again in a moment.", {"retry-after": "2"}
            )
        async with gate:
            content = await file.read()
            try:
                text = await run_in_threadpool(lambda: "".join(batch.answer_csv(content, service)))
            except batch.BatchRefused as refused:
                return HTMLResponse(_batch_page(service, str(refused)), status_code=422)
        return _as_download(text, "answers.csv")


def _batch_page(service: Service, error: str | None) -> str:
    return pages.render(
        "batch.html",
        columns=list(Title.model_fields),
        max_rows=batch.MAX_ROWS,
        error=error,
        version=service.answering.version,
    )


def _error_page(service: Service, status: int, text: str) -> str:
    return pages.render("error.html", status=status, text=text, version=service.answering.version)


def _as_download(text: str, name: str) -> CsvResponse:
    return CsvResponse(text, headers={"content-disposition": f'attachment; filename="{name}"'})


def _add_errors(app: FastAPI, service: Service) -> None:
    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        if request.url.path == "/batch" and wants_page("/batch", request.headers.raw):
            return HTMLResponse(_batch_page(service, "Choose a CSV file first."), 422)
        fields = said_of(error.errors())
        text = "; ".join(f"{name}: {words}" for name, words in fields.items())
        return JSONResponse({"error": text, "fields": fields}, 422)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        text = _WORDS.get(str(error.detail), str(error.detail))
        if wants_page(request.url.path, request.headers.raw):
            page = _error_page(service, error.status_code, text)
            return HTMLResponse(page, error.status_code, error.headers)
        return JSONResponse({"error": text}, error.status_code, error.headers)
