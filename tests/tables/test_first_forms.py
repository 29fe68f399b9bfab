"""Every table holds against the form that it first landed in: what changed since, `maintain --upgrade` can bring."""

from __future__ import annotations

from offbeat.packs import all_tables
from offbeat.tables.upgrade import MIGRATIONS
from tests.lakes.first_forms import first_forms


def test_tables_have_only_changed_as_an_upgrade_can_follow():
    migrated = {name for _, name in MIGRATIONS}
    assert first_forms().keys() == all_tables().keys(), "a new table gets a line in first_forms.txt"
    for table in all_tables().values():
        if table.name in migrated:
            continue
        first = {column.name: column for column in first_forms()[table.name]}
        today = {column.name: column for column in table.columns}
        assert first.keys() <= today.keys(), table.name
        for name, column in today.items():
            if name not in first:
                assert column.null, f"{table.name}.{name} is new, rows made earlier have none"
            else:
                assert column.type == first[name].type, f"{table.name}.{name} is of another type"
                assert column.null or not first[name].null, f"{table.name}.{name} may no longer be null"
