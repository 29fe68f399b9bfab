"""The section of the page of exploration on what ingest took and what it refused."""

from __future__ import annotations

from markupsafe import Markup

from offbeat.reports import form, parts
from offbeat.reports.data_exploration import Intake
from offbeat.reports.form import Column
from offbeat.reports.page import Section


def intake_section(taken: Intake | None, at_once: int | None) -> Section:
    """What was taken, what twice, and what was refused why.

    Args:
        at_once: events that follow an equal one at the same instant.
    """
    title, name = "Duplicates and quarantine", "intake"
    if taken is None:
        return Section(name, title, [parts.missing("Neither the table ingested nor quarantine is here.")])
    made: list[Markup] = []
    if taken.reasons:
        columns = [
            Column("reason", "reason", "code"), Column("rows", "rows", "count"),
            Column("share", "share of rows read (%)", "share"), Column("sources", "files", "count"),
        ]  # fmt: skip
        rows = [
            {**row, "share": row["rows"] / taken.rows_in if taken.rows_in else None} for row in taken.reasons
        ]
        note = "A row with several reasons counts under each."
        made.append(parts.table(rows, columns, caption="Quarantine by reason", name="reasons", note=note))
    else:
        made.append(parts.paragraph("No row was refused."))
    if at_once:
        text = (
            f"{form.count(at_once)} events follow an equal one of their session at the very same instant: "
            "duplicates, where the log gives each copy an id of its own (sessions.dedupe: exact leaves them out)."
        )
        made.append(parts.callout(text, tone="warn", title="The same event twice at once"))
    if taken.files:
        columns = [
            Column("file", "file"), Column("rows_in", "rows read", "count"), Column("events", "events", "count"),
            Column("duplicates", "duplicates", "count"), Column("quarantined", "refused", "count"),
        ]  # fmt: skip
        rows = [{**row, "file": str(row["file"]).rsplit("/", 1)[-1]} for row in taken.files]
        note = (
            f"{len(rows)} of {form.count(taken.n_files)} files, most refused first."
            if taken.n_files > len(rows)
            else ""
        )
        made.append(parts.table(rows, columns, caption="What was taken", name="taken", note=note))
    intro = (
        f"{form.count(taken.rows_in)} rows were read; {form.count(taken.duplicates)} were there already, "
        f"{form.count(taken.quarantined)} were refused."
    )
    return Section(name, title, made, intro=intro)
