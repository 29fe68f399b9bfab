"""Makes a lake in the form that an earlier offbeat wrote it, for tests of upgrades.

The forms are frozen: SQL as it was run then, not what the code would run today. `form_1.sql` is the first that landed;
`{lake}` stands for the lake's folder.
"""

from __future__ import annotations

from pathlib import Path

FORMS = sorted(path.stem for path in Path(__file__).parent.glob("form_*.sql"))


def make_lake(spark, folder, form: str) -> None:
    """Write the tables of a frozen form, with a few rows, under a folder."""
    text = Path(__file__).with_name(f"{form}.sql").read_text(encoding="utf-8")
    for statement in text.split(";\n"):
        if statement.strip():
            spark.sql(statement.replace("{lake}", str(folder)))
