import numpy as np
import pytest

from offbeat.detectors.base import Sequences
from offbeat.detectors.vocabulary import UNKNOWN, Vocabulary
from offbeat.errors import UsageError
from offbeat.evaluation import compare
from offbeat.evaluation.cost import earns_its_cost
from offbeat.evaluation.judged import Rules, Subject

VOCABULARY = Vocabulary.fit({"open": 300, "play": 200, "close": 100})
OPEN, PLAY, CLOSE = 4, 5, 6
SUBJECT = Subject("evaluate-1", "v7", "lstm", split="test", seconds=99.0)
RULES = Rules(budget=0.02, resamples=100, seed=3)


def plays(n):
    return [OPEN, *[PLAY] * n, CLOSE]


@pytest.fixture
def data():
    train = Sequences.from_lists([plays(1 + i % 3) for i in range(120)])
    validation = Sequences.from_lists([plays(1 + i % 3) for i in range(60)])
    test = Sequences.from_lists(
        [*[plays(2)] * 6, [OPEN, UNKNOWN, CLOSE], [OPEN, UNKNOWN, UNKNOWN, UNKNOWN], [UNKNOWN], plays(30)]
    )
    return train, validation, test, np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 1])


def value(rows, detector, metric, *, rule="flagged", subset="all"):
    wanted = (detector, metric, rule, subset)
    found = [r for r in rows if (r["detector"], r["metric"], r["verdict_rule"], r["subset"]) == wanted]
    return next(row["value"] for row in found if row["basis"] != "oracle")


def compared(data, *names, rules=RULES):
    return compare.compare_detectors(*data, names, vocabulary=VOCABULARY, subject=SUBJECT, rules=rules)


def test_each_detector_is_judged_on_the_same_sessions(data):
    rows = compared(data, "new_event", "length")
    assert {(row["run_id"], row["model_version"], row["split"]) for row in rows} == {
        ("evaluate-1", "v7", "test")
    }
    assert {row["detector"] for row in rows} == {"new_event", "length"}
    for name in ("new_event", "length"):
        assert value(rows, name, "sessions") == 10
        assert value(rows, name, "false_positives") == 0
        assert value(rows, name, "sessions", subset="never_seen") == 4
        assert value(rows, name, "sessions", subset="distinct") == 5


def test_verdicts_are_those_that_a_score_run_gives(data):
    rows = compared(data, "new_event", "length")
    # Found by new_event: the session with an unknown event and the one mostly of them; one event alone is too short.
    assert value(rows, "new_event", "true_positives") == 2
    assert value(rows, "new_event", "true_positives", rule="without_unknown") == 1
    # Found by length: the long one, and, by its unknown events, the mostly unknown one.
    assert value(rows, "length", "true_positives") == 2
    assert value(rows, "length", "true_positives", rule="without_unknown") == 1
    shorter = compared(data, "new_event", rules=Rules(budget=0.02, resamples=100, min_events=1))
    assert value(shorter, "new_event", "true_positives") == 3


def test_seconds_are_the_detectors_own(data):
    rows = compared(data, "new_event")
    assert 0 <= rows[0]["seconds"] < 99


def test_the_rows_stand_beside_a_networks(data):
    rows = compared(data, "new_event", "length")
    network = [row | {"detector": "lstm", "seconds": 99.0} for row in rows if row["detector"] == "length"]
    assert earns_its_cost(rows + network).startswith(
        "lstm does not earn its cost on test, where new_event and length"
    )


def test_thresholds_never_see_the_test(data, monkeypatch):
    train, validation, test, _ = data
    seen = []
    real = compare.calibrate

    def watched(detector, sequences, **options):
        seen.append(sequences)
        return real(detector, sequences, **options)

    monkeypatch.setattr(compare, "calibrate", watched)
    first = compare.try_detector("length", train, validation, test, vocabulary=VOCABULARY, rules=RULES)
    other = test.take(np.array([0, 9]))
    second = compare.try_detector("length", train, validation, other, vocabulary=VOCABULARY, rules=RULES)
    assert seen[0] is seen[1] is validation
    assert first.threshold == second.threshold
    assert second.scores.tolist() == first.scores[[0, 9]].tolist()


def test_a_wider_budget_never_raises_the_threshold(data):
    train, validation, test, _ = data
    thresholds = [
        compare.try_detector(
            "length", train, validation, test, vocabulary=VOCABULARY, rules=Rules(budget=budget)
        ).threshold
        for budget in (0.01, 0.2, 0.5)
    ]
    assert thresholds == sorted(thresholds, reverse=True)


def test_no_such_detector(data):
    with pytest.raises(UsageError, match="no detector is called lenght"):
        compared(data, "lenght")


def test_the_share_of_unknown_events():
    sequences = Sequences.from_lists([[OPEN, UNKNOWN], [], [UNKNOWN], [OPEN]])
    assert compare.unknown_share(sequences).tolist() == [0.5, 0.0, 1.0, 0.0]
