"""Settings of a log: every wrong one is named."""

from __future__ import annotations

import datetime as dt

import pytest

from offbeat.errors import UsageError
from offbeat.packs.tvm.settings import FAULT_KINDS, Settings


def test_defaults_put_a_fault_into_one_session_in_ten():
    settings = Settings.of({})
    assert settings.plant
    assert sum(settings.fault_rates.values()) == pytest.approx(0.1)
    assert set(settings.fault_rates) == set(FAULT_KINDS)


def test_kinds_left_out_have_no_faults():
    assert Settings.of({"fault_rates": {"swap": 0.3}}, plant=False).fault_rates == {"swap": 0.3}


def test_a_day_may_come_as_yaml_reads_it():
    given = Settings.of({"start": dt.date(2025, 1, 31)})
    assert given == Settings.of({"start": "2025-01-31"})
    assert given.first_day == dt.date(2025, 1, 31)


@pytest.mark.parametrize(
    "given, said",
    [
        ({"fault_rate": {}}, "unknown key fault_rate; did you mean fault_rates"),
        ({"plant": False}, "unknown key plant"),
        ({"fault_rates": {"swop": 0.1}}, "unknown key swop; did you mean swap"),
        ({"fault_rates": 0.1}, "fault_rates: expected kinds and shares, got 0.1"),
        ({"fault_rates": {"swap": 2}}, "fault_rates.swap: expected a share from 0 to 1, got 2"),
        ({"fault_rates": {"swap": 0.6, "drop": 0.6}}, "together above 1"),
        ({"late": -0.1}, "late: expected a share"),
        ({"late": True}, "late: expected a share"),
        ({"late": "much"}, "late: expected a share"),
        ({"days": 0}, "days: expected a number from 1"),
        ({"days": 2.5}, "days: expected a whole number"),
        ({"jitter_s": 1}, "jitter_s: expected a number"),
        ({"start": "soon"}, "start: expected a day"),
        ({"days": 0, "late": 7}, "late.*; days"),
    ],
)
def test_wrong_settings_are_refused(given, said):
    with pytest.raises(UsageError, match=said):
        Settings.of(given)
