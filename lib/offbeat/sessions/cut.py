"""Cuts a stream of ordered events into sessions, with Arrow and NumPy: what runs in Spark's Python workers.

Events come in batches, ordered by entity, role and time. Only the piece in progress is kept between two batches, so
memory is bounded by a batch and the longest piece (max_events), however long the log or an entity's part of it.

What belongs together, for the events of one entity and role, those without a time apart from those with one:

- An event that the rules don't ignore is an anchor. Two anchors in a row are in one run where they are no further
  apart than the gap; events without a time are never apart.
- An ignored event is in the run of the anchor before it where that is no further back than the gap. So it neither
  opens a run nor joins two. Where there is no such anchor it is in no session; it stays in the table of events.
- A run is cut greedily from its start into pieces that keep to max_events and max_duration.
- The last piece of a run is open while an anchor at the log's clock could still join it, else closed.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from offbeat.sessions.pieces import CLOSED, CUT, OPEN, build_pieces, joined
from offbeat.sessions.rules import Rules

Bools = npt.NDArray[np.bool_]
Longs = npt.NDArray[np.int64]


class Cutter:
    """Cuts ordered events into sessions, batch by batch.

    Args:
        rules: where a session ends.
        watermark_us: the log's clock: time of the latest event of all; None where none has a time.
    """

    def __init__(self, rules: Rules, watermark_us: int | None) -> None:
        self._rules = rules
        known = watermark_us is not None and rules.gap_us is not None
        self._open_from_us = watermark_us - rules.gap_us if known else None  # type: ignore[operator]
        self._ignored = pa.array(rules.ignore, pa.string())
        # The last event: its entity and role, whether it has a time, and the last anchor of these.
        self._key: tuple[str, str, bool] | None = None
        self._anchor_us: int | None = None
        # The piece in progress.
        self._rows: list[pa.RecordBatch] = []
        self._n_rows = 0
        self._start_us = 0
        self._last_anchor_us = 0
        self._continues = False

    def push(self, batch: pa.RecordBatch) -> pa.RecordBatch | None:
        """Take the next events; gives the pieces that they end, None where they end none."""
        if not batch.num_rows:
            return None
        times_us, timed = _times(batch)
        opens, inside, anchors_us = self._place(batch, times_us, timed)
        if not inside.all():
            batch = batch.filter(pa.array(inside))
            times_us, opens, anchors_us = times_us[inside], opens[inside], anchors_us[inside]
        if not batch.num_rows:
            return None
        breaks = self._breaks(times_us, opens)
        done = None
        if len(breaks):
            done = self._end_pieces(batch, times_us, anchors_us, breaks, ~opens[breaks])
        else:
            self._rows.append(batch)
            self._n_rows += batch.num_rows
        self._last_anchor_us = int(anchors_us[-1])
        return done

    def finish(self) -> pa.RecordBatch | None:
        """The piece that is still in progress when there are no more events."""
        if not self._n_rows:
            return None
        bounds, anchors_us = np.array([0, self._n_rows]), np.array([self._last_anchor_us])
        return self._pieces(
            joined(self._rows), bounds, np.array([self._continues]), np.array([False]), anchors_us
        )

    def _place(self, batch: pa.RecordBatch, times_us: Longs, timed: Bools) -> tuple[Bools, Bools, Longs]:
        """Say of each event whether it opens a run, whether it is in one, and when that one's last anchor was."""
        changes = self._changes(batch, timed)
        key_no = np.cumsum(changes)
        anchor = self._anchors(batch)
        last = np.maximum.accumulate(np.where(anchor, np.arange(len(anchor)), -1))
        before = np.concatenate(([-1], last[:-1]))
        carried_no, carried_us = (-1, 0) if self._anchor_us is None else (0, self._anchor_us)
        before_no = np.where(before >= 0, key_no[before], carried_no)
        before_us = np.where(before >= 0, times_us[before], carried_us)
        near = before_no == key_no
        if self._rules.gap_us is not None:
            near &= (times_us - before_us <= self._rules.gap_us) | ~timed
        self._key = _key(batch, timed)
        if last[-1] >= 0:
            self._anchor_us = int(times_us[last[-1]]) if key_no[last[-1]] == key_no[-1] else None
        elif key_no[-1]:
            self._anchor_us = None
        return anchor & ~near, anchor | near, np.where(anchor, times_us, before_us)

    def _changes(self, batch: pa.RecordBatch, timed: Bools) -> Bools:
        """Where an event is of another entity or role than the one before, or lacks a time where that has one."""
        changes = np.empty(batch.num_rows, dtype=bool)
        changes[1:] = timed[1:] != timed[:-1]
        for name in ("entity", "role"):
            column = batch.column(name)
            changes[1:] |= pc.not_equal(column[1:], column[:-1]).to_numpy(zero_copy_only=False)
        first = (batch.column("entity")[0].as_py(), batch.column("role")[0].as_py(), bool(timed[0]))
        changes[0] = first != self._key
        return changes

    def _anchors(self, batch: pa.RecordBatch) -> Bools:
        if not len(self._ignored):
            return np.ones(batch.num_rows, dtype=bool)
        ignored = pc.is_in(batch.column("event"), value_set=self._ignored)
        found: Bools = ~ignored.to_numpy(zero_copy_only=False)
        return found

    def _breaks(self, times_us: Longs, opens: Bools) -> Longs:
        """Where a piece begins: at the opening of a run, and where one has reached its limits."""
        opening = np.flatnonzero(opens)
        firsts = opening if opens[0] else np.concatenate(([0], opening))
        ends = np.concatenate((firsts[1:], [len(opens)]))
        starts_us, counts = times_us[firsts], np.zeros(len(firsts), dtype=np.int64)
        if not opens[0]:
            starts_us[0], counts[0] = self._start_us, self._n_rows
        too_long = np.zeros(len(firsts), dtype=bool)
        if self._rules.max_events is not None:
            too_long |= ends - firsts + counts > self._rules.max_events
        if self._rules.max_duration_us is not None:
            too_long |= times_us[ends - 1] - starts_us > self._rules.max_duration_us
        cuts = [
            cut
            for run in np.flatnonzero(too_long)
            for cut in self._cuts(
                times_us[: ends[run]], int(firsts[run]), int(starts_us[run]), int(counts[run])
            )
        ]
        return np.sort(np.concatenate((opening, np.array(cuts, dtype=np.int64)))) if cuts else opening

    def _cuts(self, times_us: Longs, first: int, start_us: int, count: int) -> Iterator[int]:
        """Where the run that goes on from `first` to the end of `times_us` is cut.

        Args:
            times_us: events of the batch, up to the run's end.
            first: the run's first event in this batch.
            start_us: when the piece in progress began.
            count: its events in earlier batches.
        """
        most, longest = self._rules.max_events, self._rules.max_duration_us
        while True:
            cut = len(times_us) if most is None else first + most - count
            if longest is not None:
                cut = min(
                    cut, first + int(np.searchsorted(times_us[first:], start_us + longest, side="right"))
                )
            if cut >= len(times_us):
                return
            yield cut
            first, start_us, count = cut, int(times_us[cut]), 0

    def _end_pieces(
        self, batch: pa.RecordBatch, times_us: Longs, anchors_us: Longs, breaks: Longs, cuts: Bools
    ) -> pa.RecordBatch | None:
        """Put together the pieces that end in this batch; the one behind the last break goes on.

        Args:
            breaks: where a piece begins.
            cuts: whether it continues the one before.
        """
        rows, begun = joined([*self._rows, batch]), self._n_rows
        bounds, continues, ends_cut = breaks + begun, cuts, cuts
        ends_anchor_us = np.concatenate(([self._last_anchor_us], anchors_us))[breaks]
        if begun:
            bounds, continues = np.concatenate(([0], bounds)), np.concatenate(([self._continues], cuts))
        else:  # the first break is the first event of all: nothing ends there
            ends_cut, ends_anchor_us = cuts[1:], ends_anchor_us[1:]
        done = None
        if len(bounds) > 1:
            done = self._pieces(rows, bounds, continues[:-1], ends_cut, ends_anchor_us)
        self._rows = [rows.slice(int(bounds[-1]))]
        self._n_rows = self._rows[0].num_rows
        self._start_us, self._continues = int(times_us[breaks[-1]]), bool(cuts[-1])
        return done

    def _pieces(
        self, rows: pa.RecordBatch, bounds: Longs, continues: Bools, ends_cut: Bools, anchors_us: Longs
    ) -> pa.RecordBatch:
        states = np.full(len(ends_cut), CLOSED)
        if self._open_from_us is not None:
            timed = rows.column("event_time").is_valid().to_numpy(zero_copy_only=False)[bounds[:-1]]
            states[timed & (anchors_us >= self._open_from_us)] = OPEN
        states[ends_cut] = CUT
        return build_pieces(rows, bounds, continues=continues, states=states)


def _times(batch: pa.RecordBatch) -> tuple[Longs, Bools]:
    """Microseconds of each event's time, 0 where it has none, and whether it has one."""
    column = batch.column("event_time")
    timed = column.is_valid().to_numpy(zero_copy_only=False)
    return pc.fill_null(column.cast(pa.int64()), 0).to_numpy(zero_copy_only=False), timed


def _key(batch: pa.RecordBatch, timed: Bools) -> tuple[str, str, bool]:
    return batch.column("entity")[-1].as_py(), batch.column("role")[-1].as_py(), bool(timed[-1])
