from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import pytest

from offbeat.reports import gather
from offbeat.reports.data import Bin
from offbeat.reports.data_anomalies import Expected, OddEvent, Share
from offbeat.reports.gather import place_bins
from offbeat.reports.gather_anomalies import gather_anomaly_page, gather_days, gather_groups, version_among
from offbeat.tables.contract import ANOMALIES, EVALUATIONS, MINUTES_VIEWED, RUNS, SESSION_SCORES, SESSIONS

START = datetime(2026, 5, 1, 23, 59, 59, 250_000, tzinfo=timezone.utc)
DAY = timedelta(days=1)


def test_bins_have_an_edge_at_the_threshold():
    bins = place_bins(0.5, 12.0, 6.0)
    assert (bins.low, bins.below, bins.above, bins.open_end) == (0.0, 20, 20, False)
    assert bins.low + bins.below * bins.width == pytest.approx(6.0)
    assert place_bins(0.5, 12.1, 6.0).open_end
    assert place_bins(0.5, 5.0, 6.0).above == 0
    assert place_bins(0.5, 6.1, 6.0).above == 1


def test_bins_of_a_detector_whose_normals_all_score_the_threshold():
    bins = place_bins(0.0, 4.0, 0.0)
    assert (bins.low, bins.threshold, bins.width, bins.below, bins.above) == (-0.2, 0.0, 0.2, 1, 20)
    same = place_bins(0.0, 0.0, 0.0)
    assert (same.below, same.above, same.width) == (1, 0, 1.0)


def test_epochs_of_a_history_that_lacks_some():
    epochs = gather.epochs_of({"loss": [2.0, 1.0], "val_loss": [2.1], "best_epoch": 1, "accuracy": []})
    assert [(e.epoch, e.loss, e.validation_loss, e.accuracy) for e in epochs] == [
        (1, 2.0, 2.1, None),
        (2, 1.0, None, None),
    ]
    assert gather.epochs_of({}) == ()


def scored(session: str, score: float, verdict: str = "normal", version: str = "v1"):
    return (session, version, score, 50.0, verdict, 1.0, 0.0, "run", START)


@pytest.mark.spark
def test_scores_are_counted_on_their_side_of_the_threshold(spark):
    rows = [scored("a", 0.0), scored("b", 1.0), scored("c", 1.0000001, "anomalous"), scored("d", 0.04)]
    rows += [
        scored("e", 9.0, "unknown_event"),
        scored("f", 0.06, "short"),
        scored("g", 0.2, version="v2"),
    ]
    table = spark.createDataFrame(rows, SESSION_SCORES.schema)
    scores = gather.gather_scores(table, model_version="v1", alert_budget=0.01)
    assert scores.sessions == 6
    assert scores.verdicts == {"normal": 3, "anomalous": 1, "unknown_event": 1, "short": 1}
    assert (scores.flagged, scores.threshold, scores.alert_budget) == (2, 1.0, 0.01)
    assert sum(b.sessions for b in scores.bins if b.above) == 2
    assert [(i, b.sessions) for i, b in enumerate(scores.bins) if b.sessions] == [
        (0, 2),
        (1, 1),
        (19, 1),
        (20, 1),
        (39, 1),
    ]
    assert scores.bins[20] == Bin(1.0, 1.05, 1, above=True)
    assert scores.bins[39].open_end
    assert scores.bins[19].high == scores.bins[20].low == 1.0


@pytest.mark.spark
def test_a_segment_s_own_threshold_decides_the_side(spark):
    lower = scored("a", 0.7, "anomalous")
    rows = [(*lower[:5], 0.5, *lower[6:]), scored("b", 0.7), scored("c", 1.2, "anomalous")]
    scores = gather.gather_scores(spark.createDataFrame(rows, SESSION_SCORES.schema), model_version="v1")
    assert (scores.threshold, scores.lowest_threshold, scores.flagged) == (1.0, 0.5, 2)
    assert sum(b.sessions for b in scores.bins if b.above) == 2
    assert [(b.above, b.sessions) for b in scores.bins if b.low < 0.7 <= b.high] == [(False, 1), (True, 1)]


@pytest.mark.spark
def test_no_scores_of_that_model(spark):
    table = spark.createDataFrame([scored("a", 1.0)], SESSION_SCORES.schema)
    assert gather.gather_scores(table, model_version="v9").sessions == 0


def anomaly(
    session: str,
    score: float,
    event: str = "b",
    *,
    kind: str = "wrong_order",
    days: int = 0,
    entity: str = "e",
):
    expected = [{"event": event, "probability": 0.2}, {"event": "x", "probability": 0.7}]
    odd = {
        "position": 1,
        "event": event,
        "probability": 0.01,
        "rank": 9,
        "surprise": score,
        "expected": expected,
    }
    start = START + days * DAY
    row = {
        "session_id": session,
        "model_version": "v1",
        "entity": entity,
        "start": start,
        "end": start + DAY,
        "score": score,
        "percentile": 99.5,
        "verdict": "anomalous",
        "threshold": 1.0,
        "kind": kind,
        "positions": [1],
        "events": ["a", event],
        "times": [start, None],
        "actual": [odd] if event else [],
        "nearest": None,
        "edits": None,
        "event_ids": ["1", "2"],
        "covariates": {"platform": "tv" if score > 5 else None},
        "action": "look",
        "muted": False,
        "run_id": "r",
    }
    return tuple(row[name] for name in ANOMALIES.column_names)


@pytest.fixture(scope="module")
def anomalies(spark):
    rows = [
        anomaly("a", 9.0),
        anomaly("b", 8.0),
        anomaly("c", 7.0),
        anomaly("d", 3.0, "z", days=2, entity="f"),
    ]
    rows += [anomaly("e", 2.0, kind="missing"), anomaly("f", 4.0, "", kind="length")]
    return spark.createDataFrame(rows, ANOMALIES.schema)


@pytest.mark.spark
def test_cards_take_the_strangest_of_each_cause_first(anomalies):
    cards = gather.gather_cards(anomalies, model_version="v1", limit=5)
    assert [card.session_id for card in cards] == ["a", "f", "d", "e", "b"]
    assert gather.gather_cards(anomalies, model_version="v2") == ()


@pytest.mark.spark
def test_card_has_all_of_the_row_and_exact_times(anomalies):
    card = gather.gather_cards(anomalies, model_version="v1", limit=1)[0]
    assert card.start == START
    assert card.times == (START, None)
    assert card.actual == (
        OddEvent(
            1,
            "b",
            pytest.approx(0.01),
            9,
            9.0,
            (Expected("b", pytest.approx(0.2)), Expected("x", pytest.approx(0.7))),
        ),
    )
    assert (card.nearest, card.edits, card.covariates, card.action) == (None, (), {"platform": "tv"}, "look")


@pytest.mark.spark
def test_groups_hold_like_anomalies(anomalies):
    groups, total, number = gather_groups(anomalies, limit=2)
    assert (total, number) == (6, 4)
    first = groups[0]
    assert (first.kind, first.event, first.expected, first.sessions, first.entities) == (
        "wrong_order",
        "b",
        "x",
        3,
        1,
    )
    assert (first.max_score, first.first, first.last) == (9.0, START, START)
    assert len(groups) == 2


@pytest.mark.spark
def test_a_version_divides_causes(anomalies):
    groups, total, number = gather_groups(anomalies, version="platform")
    assert (total, number) == (6, 4)
    assert [(g.kind, g.event, g.version, g.sessions) for g in groups][:2] == [
        ("wrong_order", "b", "tv", 3),
        ("length", None, None, 1),
    ]
    together, _, number = gather_groups(anomalies, version="platform", together=True)
    assert (number, together[0].version, together[0].versions, together[0].sessions) == (4, "tv", 1, 3)
    assert version_among(["title", "App_Version", "platform"]) == "App_Version"
    assert version_among(["title", "platform"]) is None


def session(session_id: str, days: int, platform: str | None):
    start = START + days * DAY
    return (
        session_id,
        "e",
        start,
        start,
        1,
        ["a"],
        [start],
        ["1"],
        {"platform": platform},
        None,
        "both",
        False,
        "closed",
    )


@pytest.mark.spark
def test_page_of_anomalies_from_tables(spark, anomalies):
    rows = [
        session("a", 0, "tv"),
        session("b", 0, "tv"),
        session("x", 0, "web"),
        session("y", 1, "tv"),
        session("d", 2, None),
    ]
    sessions = spark.createDataFrame(rows, SESSIONS.schema)
    from offbeat.reports.data import Head

    data = gather_anomaly_page(
        Head("t"), anomalies, model_version="v1", sessions=sessions, segments=["platform", "nothing"], cards=2
    )
    assert (data.total, data.total_groups, len(data.top)) == (6, 4, 2)
    assert data.by_kind == (Share("wrong_order", 4), Share("length", 1), Share("missing", 1))
    assert data.by_day == (Share("2026-05-01", 5, 3), Share("2026-05-02", 0, 1), Share("2026-05-03", 1, 1))
    assert dict(data.segments) == {"platform": (Share("tv", 3, 3),)}
    assert data.kinds_by_day == (
        Share("2026-05-01", 3, None, "wrong_order"),
        Share("2026-05-01", 1, None, "length"),
        Share("2026-05-01", 1, None, "missing"),
        Share("2026-05-03", 1, None, "wrong_order"),
    )
    assert gather_days(anomalies, None) == (Share("2026-05-01", 5), Share("2026-05-03", 1))


def cell(day: int, partner: str, reported: float, flagged: float, true: float | None):
    rest = None if true is None else true - flagged
    return (date(2026, 5, day), partner, "t", "tv", reported, flagged, reported - flagged, true, rest)


@pytest.mark.spark
def test_minutes_are_summed_and_errors_in_cells_do_not_cancel(spark):
    rows = [cell(1, "p", 110.0, 10.0, 100.0), cell(2, "p", 90.0, 0.0, 100.0), cell(1, "q", 50.0, 20.0, 40.0)]
    got = gather.gather_minutes(spark.createDataFrame(rows, MINUTES_VIEWED.schema))
    assert (got.total.reported, got.total.flagged, got.total.true, got.total.misplaced) == (
        250.0,
        30.0,
        240.0,
        30.0,
    )
    assert [m.group for m in got.by_partner] == ["q", "p"]
    assert got.by_partner[1].error == 0.0
    assert got.by_partner[0].error == 0.25
    assert [(m.group, m.reported) for m in got.by_day] == [("2026-05-01", 160.0), ("2026-05-02", 90.0)]
    assert got.total.error_unflagged == pytest.approx((220 - 210) / 210)


@pytest.mark.spark
def test_minutes_without_full_truth_have_none(spark):
    rows = [cell(1, "p", 110.0, 10.0, None), cell(2, "p", 90.0, 0.0, 100.0)]
    got = gather.gather_minutes(spark.createDataFrame(rows, MINUTES_VIEWED.schema))
    assert (got.total.true, got.total.misplaced, got.total.error) == (None, None, None)
    assert got.by_day[1].true == 100.0
    assert gather.gather_minutes(spark.createDataFrame([], MINUTES_VIEWED.schema)) is None


@pytest.mark.spark
def test_evaluations_of_one_model(spark):
    names = EVALUATIONS.column_names
    base = dict.fromkeys(names) | {
        "run_id": "r",
        "model_version": "v1",
        "detector": "lstm",
        "split": "test",
        "subset": "all",
        "verdict_rule": "flagged",
        "metric": "f1",
        "basis": "honest",
        "value": 0.9,
        "low": 0.8,
        "high": 0.95,
        "seconds": 3.0,
    }
    rows = [
        base,
        base | {"model_version": "v2"},
        base | {"metric": "recall", "value": None, "note": "nothing was flagged"},
    ]
    table = spark.createDataFrame([tuple(row[name] for name in names) for row in rows], EVALUATIONS.schema)
    got = gather.gather_evaluations(table, model_version="v1")
    assert [(row.metric, row.value, row.low, row.note) for row in got] == [
        ("f1", 0.9, 0.8, None),
        ("recall", None, 0.8, "nothing was flagged"),
    ]


@pytest.mark.spark
def test_steps_are_the_newest_run_of_each(spark):
    def ran(run_id: str, step: str, hours: int, **more):
        row = dict.fromkeys(RUNS.column_names) | {
            "run_id": run_id,
            "step": step,
            "config_name": "c",
            "config_hash": "h",
            "run_date": START,
            "seconds": 1.0 * hours,
            "started_at": START + timedelta(hours=hours),
            "outcome": "done",
            "libraries": {},
            "counts": {"n": hours},
        }
        return tuple((row | more)[name] for name in RUNS.column_names)

    rows = [
        ran("1", "ingest", 1),
        ran("2", "train", 2),
        ran("3", "ingest", 3, outcome="failed", error="no"),
        ran("4", "x", 9, config_name="d"),
    ]
    steps = gather.gather_steps(spark.createDataFrame(rows, RUNS.schema), config_name="c")
    assert [(s.step, s.seconds, s.outcome, s.counts, s.error) for s in steps] == [
        ("train", 2.0, "done", {"n": 2}, None),
        ("ingest", 3.0, "failed", {"n": 3}, "no"),
    ]
