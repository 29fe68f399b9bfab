"""Refusals of what lies at a table's place and isn't the table that we mean."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pyspark.sql.types import StructType

from offbeat.errors import UsageError
from offbeat.tables import table as of_contract
from offbeat.tables.table import Col, Table


def assert_place(lake: Path, table: Table) -> None:
    """Refuse a place on this machine that holds something else than a Delta table.

    Raises:
        UsageError: says what is there.
    """
    place = lake / table.name
    if lake.exists() and not lake.is_dir():
        raise UsageError(f"lake {lake}: is a file, not a folder; give another folder with --lake")
    if place.is_dir() and any(place.iterdir()) and not (place / "_delta_log").is_dir():
        raise _foreign(str(lake), table, "holds files that are not a Delta table")
    if place.exists() and not place.is_dir():
        raise _foreign(str(lake), table, "is a file")


def assert_ours(
    table: Table, properties: Mapping[str, str], schema: StructType, *, location: str
) -> tuple[Col, ...]:
    """Refuse a Delta table that something else wrote, that a newer offbeat wrote, or that has other columns.

    Args:
        properties: of the live table.
        schema: of the live table.
        location: the lake's, for the message.

    Returns:
        Columns that came into the contract after the table was made.

    Raises:
        UsageError: says what differs.
    """
    if properties.get("offbeat.table") != table.name:
        raise _foreign(location, table, "was written by something else")
    contract = properties.get("offbeat.contract", "")
    if not contract.isdigit():
        raise _foreign(location, table, "says no version of its contract")
    if int(contract) > of_contract.CONTRACT_VERSION:
        raise UsageError(
            f"lake {location}: table {table.name} has contract {contract}, newer than this offbeat "
            f"({of_contract.CONTRACT_VERSION}); install a newer offbeat"
        )
    live = {field.name: field.dataType.simpleString() for field in schema}
    ours = {field.name: field.dataType.simpleString() for field in table.schema}
    later = tuple(column for column in table.columns if column.null and column.name not in live)
    if live != {name: kind for name, kind in ours.items() if name not in {each.name for each in later}}:
        differ = sorted(name for name in live.keys() | ours.keys() if live.get(name) != ours.get(name))
        if int(contract) < of_contract.CONTRACT_VERSION:
            raise UsageError(
                f"lake {location}: table {table.name} has contract {contract}, this offbeat has "
                f"{of_contract.CONTRACT_VERSION}; bring the lake along with `offbeat maintain --upgrade`"
            )
        raise UsageError(
            f"lake {location}: table {table.name} differs from the contract in {', '.join(differ)}; "
            "give another folder with --lake"
        )
    return later


def _foreign(location: str, table: Table, what: str) -> UsageError:
    return UsageError(f"lake {location}: {table.name} {what}; give another folder with --lake")
