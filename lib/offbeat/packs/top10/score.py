"""The step `score`: every title through the champion on the executors, and a forecast of every run."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import functions as F

from offbeat.config import Config
from offbeat.errors import UsageError
from offbeat.packs.top10 import run_model
from offbeat.packs.top10.answers import Answering
from offbeat.packs.top10.samples import share_of
from offbeat.packs.top10.seasons import MONTHS, gather_returns, months_of
from offbeat.packs.top10.tables import CHARTED, RUN_FORECASTS, TITLE_EXAMPLES, TITLE_RUNS, TITLE_SCORES
from offbeat.scoring.carrier import Carrier, carry
from offbeat.tables import Lake
from offbeat.tabular import SavedModel, load_model, load_packed, pack_model
from offbeat.training.registry import Registry

_REASONS = 5
_EPOCH = dt.date(1970, 1, 1)
DDL = (
    "question string, title_id string, title string, as_of date, probability double, answer string, held_out boolean, "
    "reasons array<struct<field:string,text:string,effect:double>>"
)
_ARROW = pa.schema(
    [
        ("question", pa.string()), ("title_id", pa.string()), ("title", pa.string()), ("as_of", pa.date32()),
        ("probability", pa.float64()), ("answer", pa.string()), ("held_out", pa.bool_()),
        ("reasons", pa.list_(pa.struct([("field", pa.string()), ("text", pa.string()), ("effect", pa.float64())]))),
    ]
)  # fmt: skip


def champion_of(lake: Lake, conf: Config) -> tuple[Registry, str]:
    """The registry and its champion.

    Raises:
        UsageError: nothing is trained yet.
    """
    registry = Registry(lake, conf.name, folder=conf.output.get("models"))
    version = registry.champion()
    if version is None:
        raise UsageError(f"lake {lake.location}: no model of {conf.name} yet; run `offbeat train` first")
    return registry, version


def score(lake: Lake, conf: Config, *, run_id: str, run_date: dt.datetime) -> dict[str, Any]:  # noqa: ARG001 - as every step
    """Write title_scores and run_forecasts of the champion, in place of its earlier ones."""
    registry, version = champion_of(lake, conf)
    folder = registry.path(version)
    saved = load_model(folder)
    carrier = carry(lake.spark, version, pack_model(folder), loader=load_answering)
    asked = lake.read(TITLE_EXAMPLES).select(
        "question", "title_id", "title", "title_group", "as_of", "dated", "label", "numbers", "texts"
    )
    scored = asked.mapInArrow(scorer(carrier), DDL)
    rows = scored.withColumns({"model_version": F.lit(version), "run_id": F.lit(run_id)})
    lake.overwrite(TITLE_SCORES, rows, where=f"model_version = '{version}'")
    written = lake.read(TITLE_SCORES).where(F.col("model_version") == version)
    return {
        "model_version": version,
        "title_scores": written.count(),
        "yes": written.where("answer = 'yes'").count(),
        "run_forecasts": _forecast(lake, saved, version),
    }


def load_answering(data: bytes) -> Any:
    """What a worker keeps: the packed model, ready to answer."""
    return Answering(load_packed(data))


def scorer(carrier: Carrier) -> Any:
    """For `mapInArrow`: answers of examples, in the columns of `DDL`."""

    def work(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        answering: Any = carrier.model()
        for batch in batches:
            rows = [_scored(answering, row) for row in batch.to_pylist()]
            yield pa.RecordBatch.from_pylist(rows, schema=_ARROW)

    return work


def _scored(answering: Answering, row: dict[str, Any]) -> dict[str, Any]:
    numbers = {**answering.record["fill"], **dict(row["numbers"])}
    found = answering.answer(row["question"], numbers, dict(row["texts"]))
    return {
        **{name: row[name] for name in ("question", "title_id", "title", "as_of")},
        "probability": found.probability,
        "answer": "yes" if found.yes else "no",
        "held_out": row["label"] is None or _held_out(answering.record["split"], row),
        "reasons": [{"field": r.field, "text": r.text, "effect": r.effect} for r in found.reasons[:_REASONS]],
    }


def _held_out(split: dict[str, Any], row: dict[str, Any]) -> bool:
    cut = split["cut"][row["question"]]
    if cut is not None:
        return bool(row["dated"]) and row["as_of"] >= dt.date.fromisoformat(cut)
    return share_of(f"{split['seed']}|{row['title_group']}") < float(split["holdout"])


def _forecast(lake: Lake, saved: SavedModel, version: str) -> int:
    """Write a forecast of each title's run in the newest list, else of its latest; gives how many."""
    if "runs_kernel" not in saved.extra:
        return 0
    runs = run_model.gather_runs(lake.read(TITLE_RUNS))
    newest = {runs.charts[i]: i for i in np.lexsort((runs.start, runs.end, runs.listed))}
    keep = np.array(sorted(newest.values()))
    said = run_model.forecast(saved.extra, runs.inputs[keep], runs.length[keep])
    more = run_model.weeks_more(saved.extra, runs.inputs[keep], runs.length[keep])
    titles = {
        row["chart_id"]: row["title"] for row in lake.read(CHARTED).select("chart_id", "title").collect()
    }
    seasons = months_of(gather_returns(lake.read(CHARTED)))
    rows = []
    for place, i in enumerate(keep):
        listed = bool(runs.listed[i])
        rows.append(
            {
                "session_id": runs.ids[i],
                "chart_id": runs.charts[i],
                "title": titles[runs.charts[i]],
                "model_version": version,
                "state": "listed" if listed else "gone",
                "weeks_so_far": int(
                    (runs.end[i] - runs.start[i]) // 7 + 1
                ),  # the network looks at the last ones alone
                "stays_next": float(said[place, 0]) if listed else None,
                "weeks_more": float(more[place]) if listed else None,
                "comes_back": float(said[place, 1]),
                "season": ", ".join(MONTHS[m - 1] for m in seasons.get(runs.charts[i], ())) or None,
                "last_week": _EPOCH + dt.timedelta(days=int(runs.end[i])),
            }
        )
    frame = lake.spark.createDataFrame(rows, RUN_FORECASTS.schema)
    lake.overwrite(RUN_FORECASTS, frame, where=f"model_version = '{version}'")
    return len(rows)
