"""Brier score, calibration and lead, by forecasts written by hand."""

from __future__ import annotations

import numpy as np
import pytest

from offbeat.evaluation.forecasts import Outcome, check_forecasts


def checked(sessions, faulty, fault_at):
    lengths = [len(each) for each in sessions]
    outcome = Outcome(
        np.append(0, np.cumsum(lengths)),
        np.array([p for each in sessions for p in each], np.float32),
        np.array(faulty, bool),
        np.array(fault_at, float),
    )
    return {(row["metric"], row["bin"]): row for row in check_forecasts(outcome)}


def test_brier_and_calibration():
    found = checked([[0.0, 0.2], [0.0, 1.0]], [0, 1], [np.nan, 1])
    assert found["brier", ""]["value"] == pytest.approx((0 + 0.04 + 1 + 0) / 4)
    assert found["brier_of_base_rate", ""]["value"] == pytest.approx(0.25)
    assert found["calibration", "0.0-0.1"]["value"] == 0.5
    assert found["calibration", "0.0-0.1"]["n"] == 2
    assert found["calibration", "0.2-0.3"]["predicted"] == pytest.approx(0.2)
    assert found["calibration_error", ""]["value"] == pytest.approx((0.5 * 2 + 0.2 + 0) / 4)


def test_leads_before_the_fault_and_before_the_end():
    found = checked(
        [
            [0.1, 0.6, 0.2, 0.9, 0.9],  # warned at 1, two events before the fault and three before the end
            [0.1, 0.1, 0.1, 0.1, 0.7],  # warned at 4, three after the fault, at the end
            [0.1, 0.1],  # never warned
            [0.9],  # a false warning
            [0.1, 0.2, 0.3],
            [],
        ],
        [1, 1, 1, 0, 0, 0],
        [3, 1, 1, np.nan, np.nan, np.nan],
    )
    value = {metric: row["value"] for (metric, at), row in found.items() if not at}
    assert value["warned"] == pytest.approx(2 / 3)
    assert value["wrongly_warned"] == pytest.approx(1 / 2)
    assert value["lead_before_end"] == pytest.approx((3 + 0) / 2)
    assert value["lead_before_fault"] == pytest.approx((2 - 3) / 2)
    assert value["warned_before_fault"] == pytest.approx(1 / 2)


def test_nothing_to_count():
    assert checked([[]], [0], [np.nan]) == {}
    found = checked([[0.2]], [0], [np.nan])
    assert found["lead_before_end", ""]["value"] is None
    assert found["warned", ""]["value"] is None
