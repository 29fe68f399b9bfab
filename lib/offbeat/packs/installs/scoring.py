"""The probability of an install for every click, where the clicks lie, and the csv of it."""

from __future__ import annotations

import datetime as dt
import logging
import shutil
from collections.abc import Callable, Iterable, Iterator
from functools import reduce
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from offbeat.config import Config
from offbeat.errors import UsageError
from offbeat.ingest import ledger, news
from offbeat.ingest.job import Job, as_utc
from offbeat.packs.installs.clicks import id_columns, lake_clicks, read_clicks
from offbeat.packs.installs.features import FEATURES, FIELDS, add_features
from offbeat.packs.installs.rates import NAMES, Rates
from offbeat.packs.installs.table import as_numbers
from offbeat.packs.installs.tables import INSTALL_SCORES
from offbeat.packs.installs.visitors import INDEPENDENT, build_at_least_one
from offbeat.scoring.carrier import Carrier, carry
from offbeat.spark import keep, let_go
from offbeat.tables import Lake
from offbeat.tables.contract import EVENTS
from offbeat.tabular import SavedModel, load_model, load_packed, pack_model
from offbeat.training.registry import Registry

log = logging.getLogger(__name__)


def registry_of(lake: Lake, conf: Config) -> Registry:
    """Where the models of installs lie, beside those of sessions."""
    return Registry(lake, f"{conf.name}-install", folder=conf.output.get("models"))


def load_champion(folder: Path) -> SavedModel:
    """A saved model that takes the columns that clicks have now.

    Raises:
        UsageError: it was trained when clicks had others.
    """
    saved = load_model(folder)
    if tuple(saved.columns) != (*FEATURES, *saved.record["extra"], *NAMES):
        raise UsageError(
            f"model {folder.name}: trained on other features than clicks have now; run `offbeat train`"
        )
    return saved


def weight_of(saved: SavedModel) -> float:
    """How the model's probabilities of a visitor's clicks are put together; see `visitors`."""
    return float(saved.record.get("visitor_weight", INDEPENDENT))


def score_installs(lake: Lake, conf: Config, *, run_id: str, run_date: dt.datetime) -> dict[str, Any]:
    """Give every click that has none yet its probability, and write the csv where one is asked for.

    Where the sources hold a file that was never ingested, its clicks alone are scored; those of the lake are their
    history, and the file does not become part of the lake's log.

    Raises:
        UsageError: there is no model yet.
        InputRefused: a file to be scored has other columns than the clicks that the model learnt from.
    """
    registry = registry_of(lake, conf)
    version = registry.champion()
    if version is None:
        raise UsageError(
            f"lake {lake.location}: no model of installs yet; run `offbeat train` or `offbeat run` first"
        )
    folder = registry.path(version)
    saved = load_champion(folder)
    lake.ensure(INSTALL_SCORES)
    rows, taken, refused = None, 0, 0
    if conf.output.get("csv") or _has_new_files(lake, conf, run_date):
        rows, taken, refused = read_clicks(lake, conf, run_date=run_date, whole=saved.record["whole"])
    stamps = {"model_version": version, "run_id": run_id, "scored_at": as_utc(run_date)}
    carrier = carry(lake.spark, version, pack_model(folder), loader=cast("Any", load_packed))
    made: dict[str, Any] = {
        "scored_clicks": _append_scores(lake, conf, rows, (carrier, saved), stamps, n_rows=taken),
        "install_model": version,
    }
    if rows is not None:
        made |= {"clicks_in": taken, "clicks_refused": refused}
        if refused:
            log.warning(
                "%s rows of the file are no clicks and have no probability; `offbeat ingest` tells why",
                f"{refused:,}",
            )
        if conf.output.get("csv"):
            made |= _write_csv(lake, conf, rows, saved)
    return made


def _append_scores(
    lake: Lake,
    conf: Config,
    rows: DataFrame | None,
    model: tuple[Carrier, SavedModel],
    stamps: dict[str, Any],
    *,
    n_rows: int,
) -> int:
    """Score the clicks of the rows, or where there are none all of the lake, that this version has not scored yet."""
    version = stamps["model_version"]
    before = _count(lake, version)
    known = lake_clicks(lake, conf)
    if rows is not None:
        known = _with_new(known, rows.drop("extra"))
    known = keep(known)  # an ip's clicks are each other's history, and the counts of apps are of all clicks
    try:
        fresh = None
        if rows is not None or before:
            wanted = (known if rows is None else rows).select("click_id").distinct()
            fresh = _unscored(lake, wanted, version)
        scored = _scored(known, fresh, *model, n_clicks=lake.read(EVENTS).count() + n_rows)
        lake.append(
            INSTALL_SCORES, scored.withColumns({name: F.lit(value) for name, value in stamps.items()})
        )
    finally:
        let_go(known)
    return _count(lake, version) - before


def _has_new_files(lake: Lake, conf: Config, run_date: dt.datetime) -> bool:
    seen = ledger.look(lake)
    found = news.find_all(Job(lake, conf, as_utc(run_date)), seen)
    return any(one.file.content_hash not in seen.hashes for one in found)


def _with_new(log: DataFrame, rows: DataFrame) -> DataFrame:
    """The lake's clicks and those of a file, each once; what a file lacks (known only later) is null."""
    new = rows.dropDuplicates(["click_id"]).join(log.select("click_id"), "click_id", "left_anti")
    return log.unionByName(new, allowMissingColumns=True)


def _unscored(lake: Lake, wanted: DataFrame, version: str) -> DataFrame:
    known = lake.read(INSTALL_SCORES).where(F.col("model_version") == version).select("click_id")
    return wanted if known.isEmpty() else wanted.join(known, "click_id", "left_anti")


def _count(lake: Lake, version: str) -> int:
    return lake.read(INSTALL_SCORES).where(F.col("model_version") == version).count()


def _scored(
    log: DataFrame, fresh: DataFrame | None, carrier: Carrier, saved: SavedModel, *, n_clicks: int
) -> DataFrame:
    """The fresh clicks of a log with `install_prob`; all of them where `fresh` is None."""
    part, wanted = log, None
    if fresh is not None:
        marked = log.join(fresh.withColumn("_fresh", F.lit(True)), "click_id", "left")
        ips = marked.where("_fresh").select("ip").distinct()
        part, wanted = marked.join(ips, "ip", "left_semi"), F.coalesce("_fresh", F.lit(False))
    rows = add_features(part, log, wanted=wanted, n_clicks=n_clicks)
    extra = [name for name in saved.record["extra"] if name in rows.columns]
    kept = ["click_id", *FIELDS, "click_time", "installed"]
    types = dict(rows.dtypes)
    schema = ", ".join(f"`{name}` {types[name]}" for name in kept) + ", install_prob double"
    return rows.select(*kept, *FEATURES, *extra).mapInArrow(_scoring(carrier, kept), schema)


def _scoring(
    carrier: Carrier, kept: list[str]
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def score_batches(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            if batch.num_rows:
                given = score_batch(batch, cast("SavedModel", carrier.model()))
                columns = [batch.column(name) for name in kept] + [pa.array(given, pa.float64())]
                yield pa.RecordBatch.from_arrays(columns, names=[*kept, "install_prob"])

    return score_batches


def score_batch(batch: pa.RecordBatch, saved: SavedModel) -> np.ndarray:
    """Probabilities of clicks with their features; the same numbers wherever it is called.

    Args:
        batch: `FIELDS`, `FEATURES`, and the columns that the model's record names as extra.
    """
    fields = {name: batch.column(name).to_numpy(zero_copy_only=False) for name in FIELDS}
    own = [batch.column(name).to_numpy(zero_copy_only=False).astype(np.float64) for name in FEATURES]
    given = [
        as_numbers(name, batch.column(name).to_numpy(zero_copy_only=False)) for name in saved.record["extra"]
    ]
    rates = Rates.from_arrays(saved.extra).apply(fields)
    return saved.model.predict(np.column_stack([*own, *given, rates]))


def _write_csv(lake: Lake, conf: Config, rows: DataFrame, saved: SavedModel) -> dict[str, Any]:
    """Write `id,install_prob`: a row per visitor, or per click in the order of the file."""
    scores = lake.read(INSTALL_SCORES).where(F.col("model_version") == saved.version)
    joined = rows.join(scores.select("click_id", "install_prob"), "click_id")
    joined = joined.withColumn("id", _id(conf))
    per_row = conf.output.get("per", "visitor") == "row"
    if per_row:
        lines = joined.select("id", "install_prob", "position")
        lines = lines.orderBy("position", "id", "install_prob").drop("position")
    else:
        # A click that stands twice in the file is one click, as in the log.
        lines = joined.dropDuplicates(["id", "click_id"]).select("id", "install_prob")
        any_install = build_at_least_one(F.col("install_prob"), weight_of(saved))
        lines = lines.groupBy("id").agg(any_install.alias("install_prob")).orderBy("id")
    target = Path(str(conf.output["csv"])).expanduser()
    return {"csv": str(target), "csv_rows": write_csv(lines, target)}


def _id(conf: Config) -> Column:
    """The id columns joined by `|`, with `|` in a part escaped as in `entity`."""
    names = id_columns(conf)
    parts = [F.col(name) if name in FIELDS else F.col("extra").getItem(name) for name in names]
    parts = [F.coalesce(part, F.lit("")) for part in parts]
    if len(parts) == 1:
        return parts[0]
    escaped = [F.regexp_replace(part, r"([\\|])", r"\\$1") for part in parts]
    return reduce(lambda left, right: F.concat(left, F.lit("|"), right), escaped)


def write_csv(rows: DataFrame, target: Path) -> int:
    """Write sorted rows as one csv file with a header, through parts beside it; gives the number of rows.

    Raises:
        UsageError: the file can't be written there.
    """
    parts = target.with_name(f".{target.name}.parts")
    draft = target.with_name(f".{target.name}.new")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        rows.write.mode("overwrite").csv(f"file://{parts.absolute()}", header=False)
        lines = 0
        with draft.open("wb") as out:
            out.write((",".join(rows.columns) + "\n").encode())
            for part in sorted(parts.glob("part-*.csv")):
                with part.open("rb") as stream:
                    for line in stream:
                        out.write(line)
                        lines += 1
        draft.replace(target)
    except OSError as error:
        raise UsageError(
            f"output.csv {target}: {error.strerror or error}; name a file that can be written"
        ) from None
    finally:
        shutil.rmtree(parts, ignore_errors=True)
        draft.unlink(missing_ok=True)
    return lines
