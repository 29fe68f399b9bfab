import numpy as np

from offbeat.detectors.base import Sequences
from offbeat.detectors.vocabulary import UNKNOWN, Vocabulary
from offbeat.evaluation.judged import Judged, Rules, Subject
from offbeat.evaluation.report import CURVE, evaluate_detector
from offbeat.evaluation.synthetic import REMARK, make_synthetic, translated
from offbeat.tables.contract import EVALUATIONS

WORDS = Vocabulary.fit({"a": 4, "b": 3, "c": 2, "d": 1})


def held_out(n=200, *, gaps=False):
    sessions = [[4, 5, 6, 7] if at % 2 else [4, 5, 5, 6, 7] for at in range(n)]
    times = [[np.nan, *[1.0] * (len(ids) - 1)] for ids in sessions]
    return Sequences.from_lists(sessions, gaps=times if gaps else None)


def test_every_session_comes_as_it_was_and_with_one_fault():
    found = make_synthetic(held_out(), WORDS, seed=0)
    assert found.labels.tolist() == [0.0] * 200 + [1.0] * 200
    assert set(found.kinds[:200]) == {""}
    assert set(found.kinds[200:]) == {"swap", "drop", "repeat", "insert"}  # no times, no delay
    assert np.array_equal(found.sequences.slice(0, 200).ids, held_out().ids)
    assert np.array_equal(make_synthetic(held_out(), WORDS, seed=0).sequences.ids, found.sequences.ids)


def test_where_times_are_known_an_event_may_be_late_and_no_time_is_lost():
    held = held_out(gaps=True)
    found = make_synthetic(held, WORDS, seed=0)
    assert set(found.kinds[200:]) == {"swap", "drop", "repeat", "insert", "delay"}
    faulty = found.sequences.slice(200, 400)
    length = [
        np.nansum(faulty.gaps[low:high])
        for low, high in zip(faulty.offsets[:-1], faulty.offsets[1:], strict=True)
    ]
    before = [3.0 if at % 2 else 4.0 for at in range(200)]
    kinds = found.kinds[200:]
    for kind in ("swap", "repeat", "insert"):
        assert np.allclose(np.array(length)[kinds == kind], np.array(before)[kinds == kind])
    late = kinds == "delay"
    assert np.allclose(np.array(length)[late], np.array(before)[late] + 29)
    plain = held.lengths[late]
    assert np.array_equal(faulty.lengths[late], plain)


def test_many_sessions_are_drawn_from(monkeypatch):
    monkeypatch.setattr("offbeat.evaluation.synthetic._MOST_SESSIONS", 50)
    assert (make_synthetic(held_out(), WORDS, seed=0).labels == 0).sum() == 50


def test_sessions_in_another_vocabulary():
    other = Vocabulary.fit({"d": 4, "a": 1})
    found = translated(Sequences.from_lists([[4, 5, 7, UNKNOWN]]), WORDS, other)
    assert found.ids.tolist() == [5, UNKNOWN, 4, UNKNOWN]
    assert translated(found, other, other) is found


def test_rows_say_that_they_are_synthetic_and_what_was_found_of_each_kind():
    scores = np.array([0, 0, 1, 0, 5, 4, 0, 3], np.float32)
    judged = Judged(
        labels=np.repeat([0.0, 1.0], 4), scores=scores, threshold=2.0, sequence_hash=np.arange(8, dtype=np.uint64),
        seen_in_training=np.zeros(8, bool), kinds=np.array(["", "", "", "", "swap", "drop", "drop", "swap"]),
    )  # fmt: skip
    rows = evaluate_detector(
        judged,
        Subject("run", "v1", "lstm", split="synthetic", remark=REMARK),
        Rules(budget=0.1, resamples=100),
    )
    assert all(row["note"].startswith("synthetic: ") for row in rows)
    assert all(set(row) == set(EVALUATIONS.column_names) for row in rows)
    found = {
        row["metric"]: row for row in rows if row["subset"] == "all" and row["verdict_rule"] == "flagged"
    }
    assert (found["recall_swap"]["value"], found["recall_drop"]["value"]) == (1.0, 0.5)
    assert found["recall_drop"]["low"] < 0.5 < found["recall_drop"]["high"]
    curve = {
        metric.removeprefix(CURVE): row["value"] for metric, row in found.items() if metric.startswith(CURVE)
    }
    assert len(curve) == 20
    assert (curve["0.05"], curve["0.75"]) == (1.0, 1.0)
    assert curve["0.80"] == curve["1.00"] == 0.5  # the last fault scores as three normal ones do
