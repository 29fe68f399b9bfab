"""What is known of a click when it comes: features from strictly earlier clicks alone.

Earlier means an earlier time stamp: clicks of the same microsecond do not know of each other, so that no order of rows
matters. A click's features never change when later clicks are added; training and scoring call the same function.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from offbeat.packs.installs.history import Key, codes_of, joined

FIELDS = ("ip", "app", "device", "os", "channel")
"""Columns of a click that the pack works with."""

VISITOR = ("ip", "device", "os")
_S = 1_000_000
_HOUR_US, _DAY_US = 3600 * _S, 86_400 * _S
_SESSION_GAP_US = 1800 * _S
_TRAILING_HOURS = 24
_PART_CLICKS = 500_000  # of a worker at a time: some hundred megabytes
_FINEST = ("app", "channel")
_WIDE = {"app": ("app",), "channel": ("channel",), "app_channel": ("app", "channel")}

NEAR = (
    "ip_1h", "ip_24h", "ip_before", "ip_since", "ip_apps", "ip_channels",
    "visitor_1h", "visitor_24h", "visitor_before", "visitor_since", "visitor_apps", "visitor_rank",
    "ip_app_24h", "ip_app_since", "ip_channel_24h", "visitor_app_before", "visitor_app_since",
)  # fmt: skip
"""Features from the earlier clicks of the same ip."""

WIDE = tuple(f"{name}_24h" for name in _WIDE)
CLOCK = ("hour_sin", "hour_cos")
FEATURES = (*NEAR, *WIDE, *CLOCK)
"""Features of a click, in the order in which models take them; target rates come after them."""

_ADDED = ", ".join(f"{name} double" for name in NEAR)


def add_features(
    clicks: DataFrame,
    log: DataFrame | None = None,
    *,
    wanted: Column | None = None,
    n_clicks: int | None = None,
) -> DataFrame:
    """Add the columns of `FEATURES` to clicks.

    Args:
        clicks: has `FIELDS` (strings) and `click_time` (timestamp); whole ips, since an ip's clicks are each other's
            history.
        log: all clicks, where `clicks` is a part of them: what the counts of apps and channels are taken from.
        wanted: condition on the clicks to keep; the others serve as history.
        n_clicks: about how many `clicks` are, where that is known: a worker then counts a bounded part at a time.

    Returns:
        The clicks with the columns more, as doubles: counts as ln(1 + n), times as ln(1 + seconds), null where there
        is no earlier click.
    """
    near = _add_near(clicks, F.lit(True) if wanted is None else wanted, n_clicks)
    # Counted once over all clicks; what is left is small.
    hourly = (clicks if log is None else log).groupBy(*_FINEST, _hour().alias("_hour"))
    counts = hourly.agg(F.count(F.lit(1)).alias("_n"))
    for name, keys in _WIDE.items():
        near = _add_trailing(near, counts, keys, f"{name}_24h")
    angle = (F.unix_micros("click_time") % _DAY_US) / _DAY_US * (2 * np.pi)
    return near.withColumns({"hour_sin": F.sin(angle), "hour_cos": F.cos(angle)})


def near_features(clicks: pa.Table) -> dict[str, np.ndarray]:
    """Features of clicks from the earlier clicks of the same ip; `NEAR`, float64, NaN where there is none.

    Args:
        clicks: `FIELDS` as strings, `click_time` in microseconds; whole ips, in any order.
    """
    code = {name: codes_of(clicks[name]) for name in FIELDS}
    time = clicks["click_time"].cast(pa.int64()).to_numpy()
    ip, app, channel = code["ip"], code["app"], code["channel"]
    visitor = joined(ip, code["device"], code["os"])
    of_ip, of_visitor = Key(ip, time), Key(visitor, time)
    of_ip_app, of_visitor_app = Key(joined(ip, app), time), Key(joined(visitor, app), time)
    of_ip_channel = Key(joined(ip, channel), time)
    counts = {
        "ip_1h": of_ip.within(_HOUR_US),
        "ip_24h": of_ip.within(_DAY_US),
        "ip_before": of_ip.before(),
        "ip_apps": of_ip.distinct(of_ip_app),
        "ip_channels": of_ip.distinct(of_ip_channel),
        "visitor_1h": of_visitor.within(_HOUR_US),
        "visitor_24h": of_visitor.within(_DAY_US),
        "visitor_before": of_visitor.before(),
        "visitor_apps": of_visitor.distinct(of_visitor_app),
        "visitor_rank": of_visitor.rank_in_session(_SESSION_GAP_US),
        "ip_app_24h": of_ip_app.within(_DAY_US),
        "ip_channel_24h": of_ip_channel.within(_DAY_US),
        "visitor_app_before": of_visitor_app.before(),
    }
    since = {
        "ip_since": of_ip.since(),
        "visitor_since": of_visitor.since(),
        "ip_app_since": of_ip_app.since(),
        "visitor_app_since": of_visitor_app.since(),
    }
    found = {name: np.log1p(values) for name, values in counts.items()}
    found |= {name: np.log1p(values / _S) for name, values in since.items()}
    return {name: found[name] for name in NEAR}


def _add_near(clicks: DataFrame, wanted: Column, n_clicks: int | None) -> DataFrame:
    """Each ip as a whole on one worker, where NumPy counts; the shuffle is the only one over all clicks."""
    marked = clicks.withColumn("_wanted", wanted)
    if n_clicks is None:
        marked = marked.repartition("ip")
    else:
        default = int(clicks.sparkSession.conf.get("spark.sql.shuffle.partitions") or 1)
        marked = marked.repartition(max(default, n_clicks // _PART_CLICKS + 1), "ip")
    kept = [field for field in marked.schema.fields if field.name != "_wanted"]
    schema = ", ".join(f"`{field.name}` {field.dataType.simpleString()}" for field in kept)
    return marked.mapInArrow(_near_of_partition, f"{schema}, {_ADDED}")


def _near_of_partition(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    parts = [batch for batch in batches if batch.num_rows]
    if not parts:
        return
    clicks = pa.Table.from_batches(parts).combine_chunks()
    made = near_features(clicks)
    table = clicks.drop_columns(["_wanted"])
    for name, values in made.items():
        table = table.append_column(name, pa.array(values, pa.float64(), mask=np.isnan(values)))
    yield from table.filter(pc.fill_null(clicks["_wanted"], fill_value=False)).to_batches(
        max_chunksize=10_000
    )


def _hour() -> Column:
    """The whole hour of a click, counted from 1970."""
    return F.floor(F.unix_micros("click_time") / _HOUR_US).cast("bigint")


def _add_trailing(clicks: DataFrame, counts: DataFrame, keys: tuple[str, ...], name: str) -> DataFrame:
    """Add how many clicks the key had in the 24 whole hours before the click's hour; there are few keys and hours.

    Args:
        counts: `_n` clicks of each app, channel and `_hour`.
    """
    hourly = counts.groupBy(*keys, "_hour").agg(F.sum("_n").alias("_n"))
    earlier = Window.partitionBy(*keys).orderBy("_hour").rangeBetween(-_TRAILING_HOURS, -1)
    trailing = hourly.withColumn(
        name, F.log1p(F.coalesce(F.sum("_n").over(earlier), F.lit(0)).cast("double"))
    )
    small = F.broadcast(trailing.drop("_n"))
    return clicks.withColumn("_hour", _hour()).join(small, [*keys, "_hour"], "left").drop("_hour")
