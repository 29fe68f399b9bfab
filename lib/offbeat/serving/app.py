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
from offbeat.serving.shield import Shield
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


def build_app(service: Service) -> Any:
    """The ASGI application around a service."""
    app = FastAPI(title="offbeat top10", version=__version__, docs_url=None, redoc_url=None)
    _add_api(app, service)
    _add_pages(app, service)
    _add_errors(app)
    return Shield(app, policy=pages.policy())


def _add_api(app: FastAPI, service: Service) -> None:
    version = service.answering.version

    @app.post(
        "/api/v1/predict",
        response_model=AnswerOut,
        responses={422: {"model": ErrorOut}, 413: {"model": ErrorOut}, 429: {"model": ErrorOut}},
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
        responses={422: {"description": "not a file that can be taken"}},
    )
    async def batch_answer(file: UploadFile) -> Response:
        if gate.locked():
            return JSONResponse(
                {"error": "Other batches are at work; try again in a moment."}, 429, {"retry-after": "2"}
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


def _as_download(text: str, name: str) -> PlainTextResponse:
    return PlainTextResponse(
        text, media_type="text/csv", headers={"content-disposition": f'attachment; filename="{name}"'}
    )


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        fields = said_of(error.errors())
        text = "; ".join(f"{name}: {words}" for name, words in fields.items())
        return JSONResponse({"error": text, "fields": fields}, 422)

    @app.exception_handler(HTTPException)
    async def refused(_request: Request, error: HTTPException) -> JSONResponse:
        words = {404: "There is nothing here.", 405: "This address does not take that method."}
        return JSONResponse(
            {"error": words.get(error.status_code, str(error.detail))}, error.status_code, error.headers
        )
