"""A chunk of the log: the sessions of one block of devices on one day, with network noise, faults and their truth.

A chunk depends on the seed, the settings and its number alone, so chunks can be made in any order and anywhere.
Chunk c is day `c % days` of device block `c // days`: a device keeps its block, and so its platform and its habits.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from offbeat.packs.tvm.catalog import PARTNERS, PLATFORMS, VERSIONS, titles
from offbeat.packs.tvm.faults import Fault, Session, plan
from offbeat.packs.tvm.machine import EVENTS
from offbeat.packs.tvm.names import hex_strings, mixed
from offbeat.packs.tvm.settings import FAULT_KINDS
from offbeat.packs.tvm.simulate import Viewings, add_ambient, lose_ambient, simulate
from offbeat.packs.tvm.viewers import Layout, Viewers, starts_of, viewers_of

TIME = pa.timestamp("us", tz="UTC")
EVENTS_SCHEMA = pa.schema(
    [
        ("event_id", pa.string()),
        ("device_id", pa.string()),
        ("event_time", TIME),
        ("event", pa.string()),
        ("partner", pa.string()),
        ("title", pa.string()),
        ("platform", pa.string()),
        ("app_version", pa.string()),
    ]
)
TRUTH_SCHEMA = pa.schema(
    [
        ("session_key", pa.string()),
        ("entity", pa.string()),
        ("event_ids", pa.list_(pa.string())),
        ("start", TIME),
        ("end", TIME),
        ("partner", pa.string()),
        ("title", pa.string()),
        ("platform", pa.string()),
        ("app_version", pa.string()),
        ("fault_kind", pa.string()),
        ("fault_event_id", pa.string()),
        ("fault_position", pa.int32()),
        ("fault_event_ids", pa.list_(pa.string())),
        ("minutes_true", pa.float64()),
    ]
)
_DAY_US = 86_400_000_000
_PLAY, _FAULTS, _NETWORK = 3, 4, 5  # streams of random numbers
_PHONES = ("ios", "android")
_ROWS_OF_CHUNK, _SESSIONS_OF_CHUNK, _DEVICES_OF_BLOCK = (np.uint64(k << 60) for k in range(3))


class Chunk(NamedTuple):
    """Rows of one chunk.

    Attributes:
        events: rows that come in the day's file, in the order in which they arrive; see `EVENTS_SCHEMA`.
        late: rows that come in a later file; the same columns.
        truth: one row per session; see `TRUTH_SCHEMA`.
    """

    events: pa.Table
    late: pa.Table
    truth: pa.Table


@dataclass(frozen=True)
class Rows:
    """Events of the chunk's sessions, session after session, in their true order.

    Attributes:
        session: int32, place in the chunk's viewers.
        code: int16, see `machine.EVENTS`.
        time: int64, microseconds since 1970, as logged.
    """

    session: np.ndarray
    code: np.ndarray
    time: np.ndarray

    @property
    def offsets(self) -> np.ndarray:
        """Where each session begins, and the end: int64, [sessions + 1]. Every session has a row."""
        return np.append(np.flatnonzero(np.diff(self.session, prepend=-1)), len(self.session))


def generate_chunk(layout: Layout, chunk: int) -> Chunk:
    """Make one chunk of the log; the same layout and number give the same rows."""
    viewers, viewings, start_s = _play(layout, chunk)
    times = _times(layout, chunk, viewers, viewings, start_s)
    rows = Rows(viewings.session, viewings.code, times)
    faults = _plan_faults(layout, chunk, rows) if layout.settings.plant else {}
    logged = _with_faults(rows, faults)
    event_id = hex_strings(_ids(layout, chunk, len(logged.code), _ROWS_OF_CHUNK))
    device_id = _device_ids(layout, chunk, viewers)
    session_columns = _session_columns(viewers)
    events = _events_table(logged, event_id, device_id, session_columns)
    truth = _truth_table(layout, chunk, rows, logged, faults, event_id)
    truth |= {"entity": device_id, "minutes_true": pa.array(viewings.viewed_s / 60), **session_columns}
    on_time, late = _deliver(layout, chunk, viewers, logged)
    return Chunk(
        events.take(on_time), events.take(late), pa.table(truth).select(TRUTH_SCHEMA.names).cast(TRUTH_SCHEMA)
    )


def _rng(layout: Layout, chunk: int, stream: int) -> np.random.Generator:
    day, block = layout.place(chunk)
    return np.random.default_rng((layout.seed, stream, block, day))


def _play(layout: Layout, chunk: int) -> tuple[Viewers, Viewings, np.ndarray]:
    """The sessions that happen, what happens in them, and when they begin (seconds since midnight)."""
    rng = _rng(layout, chunk, _PLAY)
    viewers = viewers_of(layout, chunk)
    viewings = simulate(viewers.profile, titles().beat_s[viewers.title], rng)
    start_s, happens = starts_of(viewers, viewings.length_s)
    keep = happens[viewings.session]
    renumbered = (np.cumsum(happens) - 1).astype(np.int32)
    kept = np.flatnonzero(happens)
    viewers = viewers.take(kept)
    viewings = Viewings(
        session=renumbered[viewings.session[keep]],
        code=viewings.code[keep],
        at_s=viewings.at_s[keep],
        viewed_s=viewings.viewed_s[kept],
        length_s=viewings.length_s[kept],
    )
    viewings = add_ambient(viewings, viewers.platform, layout.settings.ambient, rng)
    return viewers, lose_ambient(viewings, layout.settings.lost, rng), start_s[kept]


def _times(
    layout: Layout, chunk: int, viewers: Viewers, viewings: Viewings, start_s: np.ndarray
) -> np.ndarray:
    """When each event was logged, by the device's own clock."""
    day, _ = layout.place(chunk)
    midnight = (layout.settings.first_day - dt.date(1970, 1, 1)).days + day
    jitter = _rng(layout, chunk, _NETWORK).uniform(-1, 1, len(viewings.at_s)) * layout.settings.jitter_s
    seconds = (start_s + viewers.skew_s)[viewings.session] + viewings.at_s + jitter
    times: np.ndarray = midnight * _DAY_US + np.rint(seconds * 1e6).astype(np.int64)
    return times


def _plan_faults(layout: Layout, chunk: int, rows: Rows) -> dict[int, tuple[str, Fault]]:
    """Which sessions get which fault: session -> kind and fault."""
    rng = _rng(layout, chunk, _FAULTS)
    offsets = rows.offsets
    rates = np.cumsum([layout.settings.fault_rates.get(kind, 0.0) for kind in FAULT_KINDS])
    kinds = np.searchsorted(rates, rng.random(len(offsets) - 1), side="right")
    faults = {}
    for session in np.flatnonzero(kinds < len(FAULT_KINDS)).tolist():
        part = slice(offsets[session], offsets[session + 1])
        kind = FAULT_KINDS[kinds[session]]
        hidden = rng.random() < layout.settings.hidden
        fault = plan(kind, Session(rows.code[part].tolist(), rows.time[part].tolist()), rng, hidden=hidden)
        if fault is not None:
            faults[session] = (kind, fault)
    return faults


def _with_faults(rows: Rows, faults: dict[int, tuple[str, Fault]]) -> Rows:
    """The rows as they are logged; an added one stands where it was sent."""
    time, offsets = rows.time.copy(), rows.offsets
    keep = np.ones(len(time), bool)
    added = []
    for session, (_, fault) in faults.items():
        begin = int(offsets[session])
        for place, moment in fault.moved.items():
            time[begin + place] = moment
        if fault.lost is not None:
            keep[begin + fault.lost] = False
        if fault.added is not None:
            place, *row = fault.added
            added.append((begin + place, session, *row))
    after, sessions, codes, moments = np.array(added, np.int64).reshape(-1, 4).T
    order = np.argsort(np.concatenate([np.flatnonzero(keep), after + 0.5]), kind="stable")
    return Rows(
        session=np.concatenate([rows.session[keep], sessions])[order].astype(np.int32),
        code=np.concatenate([rows.code[keep], codes])[order].astype(np.int16),
        time=np.concatenate([time[keep], moments])[order],
    )


def _ids(layout: Layout, chunk: int, count: int, what: np.uint64) -> np.ndarray:
    return mixed(what + np.uint64(chunk << 32) + np.arange(count, dtype=np.uint64), layout.seed)


def _device_ids(layout: Layout, chunk: int, viewers: Viewers) -> pa.Array:
    _, block = layout.place(chunk)
    return hex_strings(_ids(layout, block, layout.devices, _DEVICES_OF_BLOCK)[viewers.device])


def _session_columns(viewers: Viewers) -> dict[str, pa.Array]:
    """Partner, title, platform and app version of each session."""
    named = {
        "partner": ([partner.name for partner in PARTNERS], viewers.partner),
        "title": (titles().names, viewers.title),
        "platform": (list(PLATFORMS), viewers.platform),
        "app_version": (VERSIONS, viewers.version),
    }
    return {
        name: pa.array(names, pa.string()).take(pa.array(index)) for name, (names, index) in named.items()
    }


def _events_table(
    rows: Rows, event_id: pa.Array, device_id: pa.Array, columns: dict[str, pa.Array]
) -> pa.Table:
    session = pa.array(rows.session)
    table = {
        "event_id": event_id,
        "device_id": device_id.take(session),
        "event_time": pa.array(rows.time).cast(TIME),
        "event": pa.array(EVENTS, pa.string()).take(pa.array(rows.code)),
        **{name: column.take(session) for name, column in columns.items()},
    }
    return pa.table(table, schema=EVENTS_SCHEMA)


def _truth_table(
    layout: Layout,
    chunk: int,
    true: Rows,
    logged: Rows,
    faults: dict[int, tuple[str, Fault]],
    event_id: pa.Array,
) -> dict[str, pa.Array]:
    """Ids, times and faults of the sessions, as columns of the truth."""
    begins, ends = true.offsets[:-1], true.offsets[1:]
    offsets = logged.offsets
    by_time = np.lexsort((logged.time, logged.session))
    positions = [faults[s][1].blamed if s in faults else None for s in range(len(begins))]
    blamed = [None if p is None else by_time[offsets[s] + p] for s, p in enumerate(positions)]
    touched = {s: [by_time[offsets[s] + p] for p in fault.touched] for s, (_, fault) in faults.items()}
    return {
        "session_key": hex_strings(_ids(layout, chunk, len(begins), _SESSIONS_OF_CHUNK)),
        "event_ids": pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), event_id),
        "start": pa.array(true.time[begins]).cast(TIME),
        "end": pa.array(true.time[ends - 1]).cast(TIME),
        "fault_kind": pa.array(
            [faults[s][0] if s in faults else None for s in range(len(begins))], pa.string()
        ),
        "fault_event_id": event_id.take(pa.array(blamed, pa.int64())),
        "fault_position": pa.array(positions, pa.int32()),
        "fault_event_ids": _taken(event_id, [touched.get(s) for s in range(len(begins))]),
    }


def _taken(values: pa.Array, places: list[list[int] | None]) -> pa.Array:
    """Lists of the values at these places; null where there are none."""
    rows = pa.array(places, pa.list_(pa.int64()))
    offsets = pa.array(
        np.append(0, np.cumsum([0 if each is None else len(each) for each in places])), pa.int32()
    )
    mask = pa.array([each is None for each in places], pa.bool_())
    return pa.ListArray.from_arrays(offsets, values.take(rows.flatten()), mask=mask)


def _deliver(layout: Layout, chunk: int, viewers: Viewers, rows: Rows) -> tuple[pa.Array, pa.Array]:
    """Which rows come in the day's file and which later, in the order in which they arrive; some come twice."""
    settings, rng = layout.settings, _rng(layout, chunk, _NETWORK + 1)
    phone = np.isin(viewers.platform, [list(PLATFORMS).index(name) for name in _PHONES])
    offline = phone & (rng.random(len(viewers)) < settings.offline)
    twice = np.flatnonzero(rng.random(len(rows.time)) < settings.duplicates)
    row = np.concatenate([np.arange(len(rows.time)), twice])
    late = offline[rows.session[row]] | (rng.random(len(row)) < settings.late)
    arrival = rows.time[row] + (rng.exponential(settings.delay_s, len(row)) * 1e6).astype(np.int64)
    order = np.argsort(arrival, kind="stable")
    return pa.array(row[order][~late[order]]), pa.array(row[order][late[order]])
