"""The clicks that the driver learns from and judges by, with their features, and how they are parted by time."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import functions as F

from offbeat.config import Config
from offbeat.errors import InputRefused, UsageError
from offbeat.packs.installs.clicks import lake_clicks
from offbeat.packs.installs.features import FEATURES, FIELDS, VISITOR, add_features
from offbeat.packs.installs.history import codes_of, joined
from offbeat.spark import keep, let_go
from offbeat.tables import Lake

_SPACE = 1_000_000
_LEAST = 5  # installs, and clicks without one, in each part: fewer say nothing


@dataclass(frozen=True)
class Split:
    """How clicks are parted: by time, and visitors whole.

    Attributes:
        fit_until, train_until: microseconds since 1970: before the first, models are fitted; from there to the second
            they are calibrated and compared; from then on they are judged.
    """

    fit_until: int
    train_until: int

    def to_json(self) -> dict[str, Any]:
        """As plain values, for a model's record."""
        return asdict(self)


@dataclass(frozen=True)
class ClickTable:
    """Labelled clicks on the driver, by time.

    Attributes:
        fields: `FIELDS` to texts, object, [n].
        time: int64, [n], microseconds since 1970.
        installed: int64, [n], 0 or 1.
        visitor: int64, [n]: number of the click's visitor.
        features: float64, [n, features], NaN where not known; those of `FEATURES`, and of the config's own.
        extra: further columns of the source as texts, None where missing.
        share: share of the lake's ips that is here.
    """

    fields: dict[str, np.ndarray]
    time: np.ndarray
    installed: np.ndarray
    visitor: np.ndarray
    features: np.ndarray
    extra: dict[str, np.ndarray]
    share: float

    def __len__(self) -> int:
        return len(self.time)

    def take(self, rows: np.ndarray) -> ClickTable:
        """Some of the clicks."""
        return ClickTable(
            {name: values[rows] for name, values in self.fields.items()},
            self.time[rows],
            self.installed[rows],
            self.visitor[rows],
            self.features[rows],
            {name: values[rows] for name, values in self.extra.items()},
            self.share,
        )


def load_table(lake: Lake, conf: Config, *, also: tuple[str, ...] = ()) -> ClickTable:
    """Collect about `tabular.max_rows` labelled clicks of whole ips, chosen by a hash, with their features.

    Args:
        also: covariates to bring along where the log has them.

    Raises:
        InputRefused: no click has a label.
    """
    named = tuple(dict.fromkeys((*conf.tabular.features, *also)))
    wider = conf.model_copy(update={"tabular": conf.tabular.model_copy(update={"features": named})})
    log = keep(lake_clicks(lake, wider).where("click_time IS NOT NULL"))
    try:
        total = log.count()
        share = min(1.0, conf.tabular.max_rows / max(1, total))
        bucket = F.pmod(F.xxhash64(F.col("ip"), F.lit(conf.model.seed)), F.lit(_SPACE))
        part = log if share == 1.0 else log.where(bucket < int(share * _SPACE))
        n_clicks = int(total * share)
        rows = add_features(part, log, wanted=F.col("installed").isNotNull(), n_clicks=n_clicks)
        wanted = [*FIELDS, "installed", *FEATURES, *named]
        found = rows.select("click_id", F.unix_micros("click_time").alias("time"), *wanted).toArrow()
    finally:
        let_go(log)
    if not found.num_rows:
        raise InputRefused(
            "installs: no click has a label; name the column that says who installed under source.columns.label"
        )
    # The order of partitions must not matter: by time, and by id where times are equal.
    found = found.sort_by([("time", "ascending"), ("click_id", "ascending")])
    return _as_table(found, conf, named, share)


def _as_table(found: pa.Table, conf: Config, named: tuple[str, ...], share: float) -> ClickTable:
    fields = {name: found[name].to_numpy(zero_copy_only=False) for name in FIELDS}
    extra = {name: found[name].to_numpy(zero_copy_only=False) for name in named}
    own = [found[name].to_numpy(zero_copy_only=False).astype(np.float64) for name in FEATURES]
    given = [as_numbers(name, extra[name]) for name in conf.tabular.features]
    return ClickTable(
        fields=fields,
        time=found["time"].to_numpy(),
        installed=found["installed"].to_numpy(zero_copy_only=False).astype(np.int64),
        visitor=joined(*(codes_of(found[name]) for name in VISITOR)),
        features=np.column_stack([*own, *given]),
        extra=extra,
        share=share,
    )


def as_numbers(name: str, texts: np.ndarray) -> np.ndarray:
    """A column of the source as numbers: as it is, or the seconds of its time; NaN where missing.

    Raises:
        UsageError: it is neither.
    """
    import pandas as pd

    values = pd.Series(texts, dtype=object)
    numbers = pd.to_numeric(values, errors="coerce")
    if numbers.notna().sum() < values.notna().sum():
        times = pd.to_datetime(values, errors="coerce", utc=True, format="ISO8601")
        if times.notna().sum() < values.notna().sum():
            raise UsageError(
                f"config tabular.features: column {name} holds neither numbers nor times; leave it out"
            )
        numbers = (times - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
    found: np.ndarray = numbers.to_numpy(np.float64)
    return found


def make_split(table: ClickTable, holdout: float) -> Split:
    """Cut the last `holdout` of the clicks off by time, and that again of those before.

    Raises:
        InputRefused: a part has too few installs to say anything.
    """
    order = np.sort(table.time)
    train_until = int(order[min(len(order) - 1, round(len(order) * (1 - holdout)))])
    before = order[order < train_until]
    if not len(before):
        raise InputRefused("installs: all clicks are of one moment; give a log that spans some time")
    fit_until = int(before[min(len(before) - 1, round(len(before) * (1 - holdout)))])
    split = Split(fit_until, train_until)
    for name, rows in (
        ("fit", fit_rows(table, split)),
        ("validation", validation_rows(table, split)),
        ("test", judged_rows(table, split)),
    ):
        installs = int(table.installed[rows].sum())
        if min(installs, len(rows) - installs) < _LEAST:
            raise InputRefused(
                f"clicks: {installs} installs in {len(rows)} clicks of the {name} part, expected {_LEAST} or more; "
                "take a longer log or change model.split.holdout"
            )
    return split


def judged_rows(table: ClickTable, split: Split) -> np.ndarray:
    """Clicks that judge; int64."""
    return np.flatnonzero(table.time >= split.train_until)


def train_rows(table: ClickTable, split: Split) -> np.ndarray:
    """Clicks before, of visitors that do not click in the test; int64."""
    return _before(table, split.train_until)


def validation_rows(table: ClickTable, split: Split) -> np.ndarray:
    """Of the training clicks the later ones; int64."""
    rows = train_rows(table, split)
    found: np.ndarray = rows[table.time[rows] >= split.fit_until]
    return found


def fit_rows(table: ClickTable, split: Split) -> np.ndarray:
    """Of the training clicks the earlier ones, of visitors that do not click later; int64."""
    return _before(table, split.fit_until)


def _before(table: ClickTable, moment: int) -> np.ndarray:
    shared = np.isin(table.visitor, np.unique(table.visitor[table.time >= moment]))
    found: np.ndarray = np.flatnonzero((table.time < moment) & ~shared)
    return found


def describe(split: Split) -> str:
    """The split in words."""
    fit, train = (
        dt.datetime.fromtimestamp(us / 1e6, dt.timezone.utc) for us in (split.fit_until, split.train_until)
    )
    return (
        f"by time, visitors whole: fitted on clicks before {fit:%Y-%m-%d %H:%M:%S} UTC, calibrated until "
        f"{train:%Y-%m-%d %H:%M:%S} UTC, judged on all clicks from then on; a visitor that clicks on both sides "
        "is only judged"
    )
