"""The pages: answers first with their evidence, a letter, and one page to put on the wall."""

from __future__ import annotations

import csv
import datetime as dt
import os
import tempfile
from collections.abc import Callable
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from markupsafe import Markup
from pyspark.sql import Column as Spark
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import BooleanType, TimestampType

from offbeat.config import Config
from offbeat.packs.curriculum import tables as T
from offbeat.packs.curriculum.exhibits import EXHIBITS, RECOMMENDED, Exhibit
from offbeat.packs.curriculum.methods import method_of
from offbeat.packs.curriculum.presets import STUDY_NAMES
from offbeat.packs.curriculum.recommended import advice
from offbeat.reports import parts
from offbeat.reports.data import Head, PageRef
from offbeat.reports.form import Column
from offbeat.reports.index import house_pages
from offbeat.reports.page import Section, render_page
from offbeat.reports.parts import KeyFigure
from offbeat.reports.place import generated_from, table_refs
from offbeat.reports.write import Pages
from offbeat.tables import Lake
from offbeat.training.registry import Registry

_SHOWN = 25  # rows of a table on the page
_IN_FILE = 20_000  # rows of the CSV beside it
_TITLE = "What the curriculum's access log says"
_PAGES = (
    PageRef("Questions and answers", "curriculum.html"),
    PageRef("Letter", "letter.html"),
    PageRef("On one page", "slide.html"),
    PageRef("Data dictionary", "dictionary.html"),
)


def write_pages(
    lake: Lake, conf: Config, pages: Pages, *, run_id: str, run_date: dt.datetime
) -> dict[str, str]:
    """Write the four pages and the CSV files beside them, where they are not there yet; gives the pages' paths by name.

    Raises:
        UsageError: the chart library is not installed.
    """
    maker = _Pages(lake, conf, pages.folder, run_id, run_date)
    made: dict[str, tuple[Callable[[Head], str], str, str]] = {
        "curriculum": (
            maker.questions,
            _TITLE,
            "Every answer is computed from the tables; the questions are the headings.",
        ),
        "letter": (maker.letter, "Your questions about the curriculum", "A letter"),
        "slide": (maker.slide, "The curriculum on one page", ""),
        "dictionary": (maker.dictionary, "Data dictionary", "What each column of each table is."),
    }
    found = {}
    for name, (make, title, subtitle) in made.items():
        head = maker.head(title, subtitle, own=f"{name}.html")
        found[f"{name}_page"] = pages.write(f"{name}.html", head, partial(make, head))
    return found


class _Pages:
    def __init__(self, lake: Lake, conf: Config, folder: Path, run_id: str, run_date: dt.datetime) -> None:
        self.lake = lake = lake.snapshot()  # a page shows the versions that it names
        self.conf, self.folder = conf, folder
        self.run_id, self.run_date = run_id, run_date
        rows = lake.read(T.ANSWERS).orderBy("question").collect()
        self.answers = [row.asDict() for row in rows]
        models = conf.output.get("models")
        scored = Registry(lake, conf.name, folder=models).champion() is not None
        self.pages = (*house_pages(lake, scored=scored), *_PAGES)

    def questions(self, head: Head) -> str:
        """Every question: answer, chart, table, and under a fold how it was found out."""
        sections = [Section("in-short", "In short", [parts.key_figures(self._figures())])]
        sections += [self._question(answer) for answer in self.answers]
        sections.append(self._recommended())
        return render_page(head, sections)

    def letter(self, head: Head) -> str:
        """The answers as one would write them to the head of curriculum."""
        greeting = "Hello,\n\nyou asked what the access log of the curriculum says. The short answers:"
        body = [parts.paragraph(text) for text in greeting.split("\n\n")]
        for number, answer in enumerate(self.answers, 1):
            body.append(
                Markup("<p>{}. <strong>{}</strong> {}</p>").format(number, answer["title"], answer["answer"])
            )
        body.append(parts.paragraph("What I would do with the pages? " + self._advice()))
        body.append(
            parts.paragraph("Tables, charts and how each answer was found out: curriculum.html beside it.")
        )
        body.append(parts.paragraph("Best regards"))
        return render_page(head, [Section("letter", "Letter", body)])

    def slide(self, head: Head) -> str:
        """The figures and the answers to the first questions, on one page."""
        few = [answer for answer in self.answers if answer["question"] in "abdef"]
        told = [parts.callout(answer["answer"], title=answer["title"]) for answer in few]
        sections = [
            Section("slide", "The curriculum at a glance", [parts.key_figures(self._figures()), *told])
        ]
        return render_page(head, sections)

    def dictionary(self, head: Head) -> str:
        """What each column of each table is, and where the columns of earlier studies are found."""
        columns = [
            Column("column", "column", "code"),
            Column("type", "type"),
            Column("comment", "what it is"),
        ]
        sections = [
            Section(
                f"t-{table.name.replace('_', '-')}",
                table.name,
                [
                    parts.table(
                        [{"column": c.name, "type": c.type, "comment": c.comment} for c in table.columns],
                        columns, caption=f"Columns of {table.name}", name=f"d-{table.name.replace('_', '-')}",
                        filtered=False,
                    )
                ],
                intro=table.doc,
            )
            for table in T.TABLES
            if table is not T.CURRICULUM_TRUTH
        ]  # fmt: skip
        names = [{"study": study, "ours": ours, "what": what} for study, (ours, what) in STUDY_NAMES.items()]
        shown = [
            Column("study", "in the studies", "code"),
            Column("ours", "here", "code"),
            Column("what", "what it is"),
        ]
        table = parts.table(names, shown, caption="Names of columns in earlier studies", name="study-names")
        intro = "Columns of earlier studies of such logs, and where they are found in the table accesses."
        sections.insert(0, Section("study-names-section", "Names in earlier studies", [table], intro=intro))
        return render_page(head, sections)

    def _question(self, answer: dict[str, Any]) -> Section:
        letter, title = answer["question"], answer["title"]
        body: list[Markup] = [parts.callout(answer["answer"], tone="info")]
        for exhibit in EXHIBITS[letter]:
            if self.lake.exists(exhibit.table):
                body += self._exhibit(exhibit, exhibit.title or title, letter)
        body.append(parts.folded("Method and caveats", parts.bullets(method_of(letter))))
        return Section(f"q-{letter}", title, body)

    def _exhibit(self, exhibit: Exhibit, title: str, letter: str) -> list[Markup]:
        """Its chart, where there is one, and its table."""
        name = "-".join(part for part in (letter, exhibit.table.name.replace("_", "-"), exhibit.name) if part)
        rows, link = self._rows(exhibit, name)
        made = [
            parts.table(
                rows[:_SHOWN], list(exhibit.columns), caption=title, name=f"q-{name}-table", note=link
            )
        ]
        if exhibit.chart is not None and rows:
            made.insert(0, parts.figure(exhibit.chart(rows), title=title, name=f"q-{name}-chart"))
        return made

    def _recommended(self) -> Section:
        if not self.lake.exists(T.RECOMMENDATIONS):
            return Section("recommendations", "Recommendations", [parts.missing("Nothing is computed yet.")])
        rows, link = self._rows(RECOMMENDED, "recommendations")
        table = parts.table(
            rows[:_SHOWN],
            list(RECOMMENDED.columns),
            caption=RECOMMENDED.title,
            name="recommended",
            note=link,
        )
        return Section("recommendations", "Recommendations", [parts.callout(self._advice()), table])

    def _advice(self) -> str:
        rows = self.lake.read(T.RECOMMENDATIONS).select("page", "action", "users").collect()
        return advice(row.asDict() for row in rows)

    def _figures(self) -> list[KeyFigure]:
        row = self.lake.read(T.ACCESSES).selectExpr(
            "count(1) AS n", "count(DISTINCT user) AS users", "count(DISTINCT cohort_id) AS cohorts",
            "min(day) AS first", "max(day) AS last", "avg(CAST(cohort_id IS NULL AS DOUBLE)) AS empty",
        ).collect()[0]  # fmt: skip
        return [
            KeyFigure("Accesses", f"{row['n']:,}", f"{row['first']} to {row['last']}"),
            KeyFigure("Users", f"{row['users']:,}", f"in {row['cohorts']:,} cohorts"),
            KeyFigure("Without a cohort", f"{row['empty'] or 0:.1%}", "of the accesses"),
        ]

    def _rows(self, exhibit: Exhibit, name: str) -> tuple[list[dict[str, Any]], str]:
        """The rows that are shown, and what to say of the CSV file beside the page that holds more of them."""
        frame = exhibit.rows(self.lake.read)
        keys = [column.key for column in exhibit.columns]
        shown = [_written(frame, key) for key in keys]
        found = [row.asDict() for row in frame.select(*shown).limit(_IN_FILE).collect()]
        file = f"csv/{name}.csv"
        _write_csv(self.folder / file, keys, found)
        cut = "" if len(found) < _IN_FILE else "the first "
        told = (
            f"The first {min(_SHOWN, len(found)):,} rows; {cut}{len(found):,} are in {file} beside this page."
        )
        return found, told if found else ""

    def head(self, title: str, subtitle: str, *, own: str) -> Head:
        """The top of one of the pages."""
        exhibits = (*chain.from_iterable(EXHIBITS.values()), RECOMMENDED)
        shown = (T.ACCESSES, T.ANSWERS, *(exhibit.table for exhibit in exhibits))
        there = {table.name: table for table in shown}.values()
        return Head(
            title=title,
            subtitle=subtitle,
            run_id=self.run_id,
            run_date=self.run_date,
            tables=table_refs(self.lake, tuple(there), self.folder),
            generated_from=generated_from(self.conf),
            pages=tuple(page for page in self.pages if page.link != own),
        )


def _written(frame: DataFrame, name: str) -> Spark:
    """The column; yes or no in words, an instant as text in UTC, since Python would read it in this machine's zone."""
    kind = frame.schema[name].dataType
    if isinstance(kind, BooleanType):
        return F.when(F.col(name), "yes").otherwise("no").alias(name)
    if isinstance(kind, TimestampType):
        return F.date_format(name, "yyyy-MM-dd HH:mm:ss").alias(name)
    return F.col(name)


def _write_csv(path: Path, keys: list[str], rows: list[dict[str, Any]]) -> None:
    """Write rows as CSV so that a reader sees the old file or the new one; what a spreadsheet would run is text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(keys)
        writer.writerows([_cell(row[key]) for key in keys] for row in rows)
    part = Path(name)
    part.chmod(0o644)
    part.replace(path)


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return value
