"""Writes the log of a course with its cohorts table and its truth; memory stays bounded whatever the size."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from offbeat.packs.curriculum import plants
from offbeat.packs.curriculum.calendar import Calendar
from offbeat.packs.curriculum.people import Planted, Stint, make_people, seconds, size_factor
from offbeat.packs.curriculum.school import DATA, School, school_of
from offbeat.packs.curriculum.settings import Settings
from offbeat.packs.curriculum.visits import Rows, Scene, stint_rows
from offbeat.packs.log_folder import MANIFEST, appearing, earlier_log

Progress = Callable[[str, int, int], None]
"""Called as progress(what, done, total)."""

_FORMAT = 1
_DAY = 86_400
_TRUTH = pa.schema(
    [("kind", pa.string()), ("entity_kind", pa.string()), ("entity", pa.string()),
     ("start", pa.timestamp("us", "UTC")), ("end", pa.timestamp("us", "UTC")), ("detail", pa.string())]
)  # fmt: skip


def write_log(
    folder: str | Path,
    *,
    rows: int,
    seed: int,
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Make the access log of a course.

    `access-NNNNN.txt` holds lines `date time path user_id cohort_id ip`, parted by single blanks, an empty cohort as
    an empty field; `cohorts.csv` the cohorts; `truth/part.parquet` what was planted; `log.json` what was asked for. The
    same request gives the same rows; where the folder holds that log already, nothing is done.

    Returns:
        Counts: rows, users, cohorts, files, planted by kind; `written`, which is False where the log was there already.

    Raises:
        UsageError: the folder holds something that is not a log of ours.
        InputRefused: the folder that the log shall look like lacks something.
    """
    folder, settings = Path(folder), settings or Settings()
    school = school_of(settings)
    request = {
        "format": _FORMAT, "pack": "curriculum", "rows": rows, "seed": seed, "settings": asdict(settings),
        "school": school.source,
    }  # fmt: skip
    earlier = earlier_log(folder, "curriculum")
    if earlier is not None and earlier["request"] == request:
        return {**earlier["counts"], "written": False}
    with appearing(folder) as made:
        counts = _Writer(school, settings, rows, seed).write(made, progress)
        (made / MANIFEST).write_text(json.dumps({"request": request, "counts": counts}, indent=1), "utf-8")
    return {**counts, "written": True}


class _Writer:
    """One log: who is in it, and its files."""

    def __init__(self, school: School, settings: Settings, rows: int, seed: int) -> None:
        self.school, self.settings, self.seed = school, settings, seed
        doubled = round(rows * settings.duplicates)
        self.stints, self.planted = make_people(school, settings, rows - doubled, seed)
        known = [path for catalogue in school.catalogues.values() for path in catalogue.all_paths()]
        known = list(dict.fromkeys(known))
        number = round(settings.rare_paths * size_factor(rows)) if settings.plant else 0
        self.rare = plants.rare_paths(known, number, seed)
        self.paths = [*known, *plants.probe_paths(), *self.rare]
        self.scene = self._scene()
        self.outages = plants.outages_of(settings, seed, self.planted)
        self.rows = rows

    def write(self, folder: Path, progress: Progress | None) -> dict[str, Any]:
        chunks = list(_chunks(self.stints, self.settings.chunk_rows))
        total = 0
        for number, stints in enumerate(chunks):
            table = self._chunk(stints, number)
            total += len(table["time"])
            self._write_lines(folder / f"access-{number:05d}.txt", table)
            if progress is not None:
                progress("generate", number + 1, len(chunks))
        _write_cohorts(folder / "cohorts.csv", self.school)
        if self.settings.plant:
            self._tell_shutoff()
        (folder / "truth").mkdir()
        pq.write_table(_truth(self.planted), folder / "truth" / "part.parquet")
        kinds = Counter(str(row["kind"]) for row in self.planted.rows)
        return {
            "rows": total,
            "users": len({s.user for s in self.stints}),
            "cohorts": len({s.written for s in self.stints} - {None}),
            "files": len(chunks),
            "planted": dict(sorted(kinds.items())),
        }

    def _scene(self) -> Scene:
        settings, school = self.settings, self.school
        first, last = int(settings.begin.timestamp()), int(settings.end.timestamp())
        opened = seconds(min(school.opened(DATA), settings.end.date())) - 14 * _DAY
        shut = plants.shutoff_of(settings, self.seed)
        crossing = settings.crossing if settings.plant else settings.leak
        return Scene(
            school.catalogues,
            {path: number for number, path in enumerate(self.paths)},
            Calendar(first, last),
            (opened, shut, crossing, settings.leak),
            plants.hot_lesson(school, self.stints, settings, self.planted, self.seed),
            int(np.datetime64(settings.remote[:10], "s").astype(int)),
        )

    def _tell_shutoff(self) -> None:
        shut = self.scene.crossing[1]
        self.planted.add("shutoff", "log", "log", shut, shut)

    def _chunk(self, stints: list[Stint], number: int) -> dict[str, np.ndarray]:
        """The rows of some users, in order of time, with what is planted across users."""
        parts = [self._rows_of(stint) for stint in stints]
        all_rows = Rows.joined(parts)
        sizes = [len(part) for part in parts]
        user = np.repeat([s.user for s in stints], sizes)
        cohort = np.repeat([-1 if s.written is None else s.written for s in stints], sizes)
        rng = np.random.default_rng([self.seed, 9, number])
        free = np.repeat([not s.plant for s in stints], sizes)
        if number == 0:
            self._plant_rare(all_rows, np.flatnonzero(free), user, rng)
        time = plants.moved_by_outage(all_rows.time, self.outages)
        twice = rng.random(len(time)) < self.settings.duplicates
        twice &= all_rows.page < len(self.paths) - len(self.rare)  # what is accessed once stays so
        at = np.repeat(np.arange(len(time)), 1 + twice)
        order = at[np.argsort(time[at], kind="stable")]
        return {
            "time": time[order], "page": all_rows.page[order], "user": user[order], "cohort": cohort[order],
            "ip": all_rows.ip[order],
        }  # fmt: skip

    def _rows_of(self, stint: Stint) -> Rows:
        rows = stint_rows(stint, self.scene, self.seed)
        if stint.plant == "scraper":
            rows = plants.scraped(rows, stint, self.scene, self.planted, self.seed)
        elif stint.plant == "prober":
            rows = plants.probed(rows, stint, self.scene, self.planted, self.seed)
        elif stint.plant:
            self.planted.add(stint.plant, "user", stint.user, int(rows.time.min()), int(rows.time.max()))
        return rows

    def _plant_rare(self, rows: Rows, free: np.ndarray, user: np.ndarray, rng: np.random.Generator) -> None:
        spots = rng.choice(free, size=min(len(self.rare), len(free)), replace=False)
        for spot, path in zip(spots, self.rare, strict=False):
            rows.page[spot] = self.scene.index[path]
            at = int(rows.time[spot])
            self.planted.add("rare_path", "path", path, at, at, str(user[spot]))

    def _write_lines(self, path: Path, table: dict[str, np.ndarray]) -> None:
        time = pa.array(table["time"], pa.timestamp("s"))
        pages = pa.array(self.paths).take(pa.array(table["page"]))
        if table["time"].size and path.name == "access-00000.txt" and self.settings.plant:
            lost = np.arange(len(pages)) == len(pages) // 2  # one row has lost its path
            pages = pc.if_else(pa.array(lost), "", pages)
        cohort = pa.array(table["cohort"], mask=table["cohort"] < 0).cast(pa.string())
        lines = pc.binary_join_element_wise(
            pc.strftime(time, "%Y-%m-%d %H:%M:%S"),
            pages,
            pa.array(table["user"]).cast(pa.string()),
            cohort,
            _dotted(table["ip"]),
            " ",
            null_handling="replace",
            null_replacement="",
        )
        with path.open("w", encoding="utf-8", newline="\n") as stream:
            for begin in range(0, len(lines), 200_000):
                stream.write("\n".join(lines[begin : begin + 200_000].to_pylist()) + "\n")


def _chunks(stints: list[Stint], most: int) -> Iterator[list[Stint]]:
    """Stints in parts of about so many rows; stints of one user stay together as far as ids follow each other."""
    part: list[Stint] = []
    held = 0
    for stint in stints:
        if part and held + stint.rows > most:
            yield part
            part, held = [], 0
        part.append(stint)
        held += stint.rows
    if part:
        yield part


def _dotted(ips: np.ndarray) -> pa.Array:
    known, at = np.unique(ips, return_inverse=True)
    texts = [f"{n >> 24}.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" for n in known.tolist()]
    return pa.array(texts).take(pa.array(at))


def _truth(planted: Planted) -> pa.Table:
    rows = [
        {**row, "start": int(str(row["start"])) * 1_000_000, "end": int(str(row["end"])) * 1_000_000}
        for row in planted.rows
    ]
    return pa.Table.from_pylist(rows, _TRUTH)


def _write_cohorts(path: Path, school: School) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["id", "name", "start_date", "end_date", "program_id"])
        for c in school.cohorts:
            writer.writerow([c.cohort_id, c.name, c.start, c.end, c.program_id])
