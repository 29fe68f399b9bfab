"""Page data as a run on a generated log would give it, the same on every call; also with hostile names in it."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from offbeat.reports.data import (
    AnomalyPageData,
    Bin,
    Epoch,
    Evaluation,
    EvaluationPageData,
    Head,
    Minutes,
    MinutesSummary,
    PageRef,
    PrPoint,
    PublishedFigure,
    RunPageData,
    Scores,
    Step,
    TableRef,
)
from offbeat.reports.data_anomalies import Anomaly, Expected, Group, OddEvent, RawEvent, Share
from offbeat.reports.data_quality import Checks

START = datetime(2026, 5, 1, 18, 30, 12, tzinfo=timezone.utc)
NORMAL = (
    "app_open", "session_start", "ad_pod_start", "ad_start", "ad_quartile_25", "ad_quartile_50",
    "ad_quartile_75", "ad_complete", "ad_pod_end", "content_start", "heartbeat", "heartbeat", "quartile_25",
    "heartbeat", "pause", "resume", "heartbeat", "quartile_50", "heartbeat", "buffer_start", "buffer_end",
    "heartbeat", "quartile_75", "heartbeat", "content_complete", "session_end",
)  # fmt: skip
HOSTILE = (
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "a\u2028b\u0000c\u202ed",
    "{{ 7 * 7 }} ${7*7}",
    "=HYPERLINK(1)",
    "x" * 300,
)
HEAD = Head(
    title="tvm: streaming-video sessions",
    subtitle="Which sessions are out of sequence, what that does to the minutes viewed, and how far to trust it.",
    run_id="run-2026-05-08-7c1f",
    run_date=datetime(2026, 5, 8, tzinfo=timezone.utc),
    model_version="lstm-0001",
    files=("history.json of the model",),
    tables=(
        TableRef("session_scores", 4, 61204, "../session_scores", "one scored session, with its verdict"),
        TableRef("anomalies", 2, 613, "../anomalies", "a flagged session and why it was flagged"),
        TableRef(
            "evaluations", 1, 214, "../evaluations", "a metric of a detector on a split, with its interval"
        ),
        TableRef(
            "minutes_viewed", 1, 4032, "../minutes_viewed", "minutes of a day, partner, title and platform"
        ),
    ),
    generated_from="offbeat 0.1.0 with config tvm (hash 3f2a91c0)",
    pages=(PageRef("Anomalies", "anomalies.html"),),
)


def anomaly(
    number: int, kind: str, odd_at: int, events: tuple[str, ...], expected: tuple[tuple[str, float], ...]
) -> Anomaly:
    """One anomaly whose odd event is at `odd_at`; n_events stands for the end."""
    draw = random.Random(number)  # noqa: S311 - the same times on every call
    start = START + timedelta(hours=7 * number)
    times, at = [], start
    for _ in events:
        times.append(at)
        at += timedelta(milliseconds=draw.randrange(300, 61_000))
    probability = 0.83 if kind == "time_gap" else 10 ** -(5 - number / 4)
    came = events[odd_at] if odd_at < len(events) else "<end>"
    likely = tuple(Expected(name, p) for name, p in expected)
    odd = OddEvent(
        odd_at, came, probability, 1 if kind == "time_gap" else 14 - number, 11.5 - number / 2, likely
    )
    return Anomaly(
        session_id=f"{number:02d}b1e6c9a47f0d23", entity=f"device-{8100 + 37 * number}|profile-{number % 3}",
        score=odd.surprise, kind=kind, events=events, model_version="lstm-0001", start=start, end=times[-1],
        percentile=99.99 - number / 200, threshold=6.21, positions=(odd_at,), times=tuple(times), actual=(odd,),
        nearest=NORMAL, edits=(f"move {came} from place {odd_at} to its place",),
        event_ids=tuple(f"{number:02d}-{position:04d}-9f3c" for position in range(len(events))),
        action="Check the player's build on this platform: events of the content reach the log out of order.",
        covariates={"partner": "Northlight", "platform": "tv", "app_version": "7.2.1", "title": None}, run_id="run-1",
    )  # fmt: skip


def anomalies() -> tuple[Anomaly, ...]:
    """Ten, one of each sort that a card must be able to show."""
    swap = (*NORMAL[:17], "quartile_75", *NORMAL[18:22], "quartile_50", *NORMAL[23:])
    drop = tuple(event for event in NORMAL if event != "content_start")
    repeat = (*NORMAL[:9], *NORMAL[8:])
    insert = (*NORMAL[:12], "ad_complete", *NORMAL[12:])
    long = (*NORMAL[:10], *["heartbeat"] * 600, "ad_pod_start", *["heartbeat"] * 30, "session_end")
    unknown = (*NORMAL[:5], "drm_renegotiate", *NORMAL[5:])
    heart = (
        ("heartbeat", 0.83),
        ("pause", 0.06),
        ("quartile_25", 0.05),
        ("buffer_start", 0.03),
        ("seek", 0.01),
    )
    return (
        anomaly(
            0,
            "wrong_order",
            17,
            swap,
            (("quartile_50", 0.912), ("heartbeat", 0.061), ("pause", 0.02), ("seek", 0.004)),
        ),
        anomaly(
            1, "missing", 9, drop, (("content_start", 0.988), ("ad_pod_start", 0.006), ("session_end", 0.003))
        ),
        anomaly(
            2, "repeated", 9, repeat, (("content_start", 0.97), ("ad_pod_end", 0.011), ("session_end", 0.01))
        ),
        anomaly(3, "inserted", 12, insert, heart),
        anomaly(
            4,
            "new_event",
            5,
            unknown,
            (("ad_quartile_50", 0.95), ("ad_complete", 0.03), ("<unknown>", 0.0001)),
        ),
        anomaly(
            5, "wrong_order", 18, NORMAL[:18], (("heartbeat", 0.91), ("pause", 0.05), ("<end>", 0.00004))
        ),
        anomaly(6, "inserted", 610, long, heart),
        anomaly(7, "time_gap", 11, NORMAL, heart),
        Anomaly(
            "08b1e6c9a47f0d23",
            "device-1",
            7.4,
            "length",
            ("app_open",),
            threshold=6.21,
            action="Look at the log's transport.",
        ),
        anomaly(9, "wrong_order", 3, (*NORMAL[:3], "session_end", *NORMAL[4:]), (("ad_start", 0.99),)),
    )


def scores() -> Scores:
    """Sixty thousand sessions, one in a hundred above the threshold."""
    width = 6.21 / 20
    heights = [
        20,
        300,
        2400,
        9800,
        15200,
        13100,
        8400,
        4700,
        2500,
        1400,
        900,
        560,
        380,
        260,
        190,
        140,
        110,
        90,
        80,
        61,
    ]
    tail = [70, 64, 55, 61, 40, 38, 52, 60, 48, 35, 30, 22, 14, 9, 8, 3, 2, 0, 1, 1]
    bins = tuple(
        Bin(round(i * width, 4), round((i + 1) * width, 4), n, above=i >= 20, open_end=i == 39)
        for i, n in enumerate([*heights, *tail])
    )
    verdicts = {"normal": 60177, "anomalous": 588, "unknown_event": 25, "short": 404, "open": 10}
    return Scores(61204, verdicts, bins, threshold=6.21, alert_budget=0.001)


def evaluations() -> tuple[Evaluation, ...]:
    """Three detectors, honest and oracle."""
    rows = []
    base = {
        "precision": 0.927,
        "recall": 0.871,
        "f1": 0.898,
        "pr_auc": 0.934,
        "accuracy": 0.9981,
        "recall_at_budget": 0.871,
    }
    for detector, worse, seconds in (("lstm", 0.0, 94.0), ("2-gram", 0.07, 1.4), ("new event", 0.41, 0.2)):
        for metric, value in base.items():
            for basis, gain in (("honest", 0.0), ("oracle", 0.02)):
                for subset, less in (("all", 0.0), ("distinct", 0.05), ("never_seen", 0.08)):
                    at = min(0.999, value - worse - less + gain)
                    rows.append(Evaluation(
                        detector, metric, at, subset=subset, basis=basis, low=at - 0.021, high=min(1.0, at + 0.018),
                        seconds=seconds, note="bootstrap over sessions",
                    ))  # fmt: skip
    cells = {
        "true_positives": 571.0,
        "false_positives": 42.0,
        "false_negatives": 84.0,
        "true_negatives": 60507.0,
    }
    rows += [
        Evaluation(name, metric, value) for name in ("lstm", "2-gram") for metric, value in cells.items()
    ]
    rows.append(Evaluation("lstm", "accuracy_all_normal", 0.9893, basis="reference"))
    rows.append(Evaluation("lstm", "sessions", 61204.0, basis="reference"))
    return tuple(rows)


def evaluation_page_data(*, synthetic: bool = False) -> EvaluationPageData:
    """All that an evaluation can write: curves, stress, kinds of faults where they are synthetic, published figures."""
    split = "synthetic" if synthetic else "test"
    rows = [replace(row, split=split) for row in evaluations()]
    for detector, worse in (("lstm", 0.0), ("2-gram", 0.07)):
        rows.append(Evaluation(detector, "roc_auc", 0.99 - worse, split=split))
        rows += [
            Evaluation(
                detector,
                f"precision_at_recall_{at / 20:.2f}",
                (1 - worse) * (1 - (at / 20) ** 4),
                split=split,
                basis="reference",
            )
            for at in range(1, 21)
        ]
        rows += [
            Evaluation(
                detector, metric, value * (1 - level) - worse, split=f"stress_{kind}", subset=f"{level:g}"
            )
            for kind in ("label_noise", "class_ratio", "train_faults", "vocabulary_growth", "drift")
            for level in (0.0, 0.01, 0.05, 0.2)
            for metric, value in (
                ("recall", 0.9),
                ("fpr", 0.2),
                ("precision", 0.9),
                ("f1", 0.88),
                ("pr_auc", 0.93),
            )
        ]
        if synthetic:
            kinds = (("swap", 0.9), ("drop", 0.7), ("repeat", 0.4), ("insert", 1.0), ("delay", 0.1))
            rows += [
                Evaluation(
                    detector, f"recall_{kind}", value - worse, split=split, low=value - 0.2, high=value
                )
                for kind, value in kinds
            ]
    published = (
        PublishedFigure("DeepLog", "f1", 0.9454, "logdeep README"),
        PublishedFigure("Others", "f1_scaled", 0.96, "a paper"),
    )
    head = replace(HEAD, title="tvm: evaluation", pages=(PageRef("The run", "run.html"),))
    return EvaluationPageData(head, "lstm", tuple(rows), epochs(), () if synthetic else published)


def minutes(*, known: bool = True) -> MinutesSummary:
    """Minutes by partner, platform, title and day; `known` False is a real log, without truth."""

    def row(group: str, reported: float, flagged: float, off: float) -> Minutes:
        if not known:
            return Minutes(group, reported, flagged, reported - flagged)
        true = reported / (1 + off)
        rest = (reported - flagged) / (1 + off / 9)
        return Minutes(group, reported, flagged, reported - flagged, true, rest, abs(reported - true) * 1.3)

    partners = (("Northlight", 412_380.0, 21_900.0, 0.083), ("Bluebird", 288_120.0, 4_100.0, 0.011),
                ("Kestrel Media", 150_420.0, 1_050.0, -0.014), ("Ostrava TV", 91_300.0, 300.0, 0.002))  # fmt: skip
    platforms = (
        ("tv", 520_100.0, 22_900.0, 0.068),
        ("phone", 301_700.0, 3_000.0, 0.009),
        ("web", 120_420.0, 1_450.0, -0.004),
    )
    titles = tuple(
        (f"Title {i:02d}", 50_000.0 - 1900 * i, 4000.0 / (i + 1), 0.06 / (i + 1)) for i in range(18)
    )
    days = tuple(
        (f"2026-05-{d:02d}", 134_000.0 + 9000 * ((d * 5) % 7), 3000.0 + 900 * d, 0.01 + 0.008 * d)
        for d in range(1, 8)
    )
    return MinutesSummary(
        row("all", 942_220.0, 27_350.0, 0.0347),
        *(tuple(row(*values) for values in group) for group in (partners, platforms, titles, days)),
    )


def epochs() -> tuple[Epoch, ...]:
    """Twelve epochs that learn and level off."""
    return tuple(
        Epoch(i, 2.4 * 0.62**i + 0.41, 2.3 * 0.63**i + 0.43, 0.87 - 0.6 * 0.6**i, 0.865 - 0.6 * 0.61**i)
        for i in range(1, 13)
    )


def run_page_data(**changes: object) -> RunPageData:
    """A full page; `changes` replace fields."""
    curve = tuple(PrPoint(r / 40, 1 - 0.35 * (r / 40) ** 6, 12 - r / 5, chosen=r == 35) for r in range(1, 41))
    fields = {
        "head": HEAD, "scores": scores(), "anomalies": anomalies(), "evaluations": evaluations(), "minutes": minutes(),
        "epochs": epochs(), "pr_curve": curve,
        "steps": (Step("ingest", 41.2, counts={"events": 1_004_233}), Step("train", 121.0), Step("score", 33.9)),
        "caveats": ("The log is generated: real players break in more ways.",),
    }  # fmt: skip
    return RunPageData(**(fields | changes))


def anomaly_page_data() -> AnomalyPageData:
    """A full page."""
    groups = tuple(
        Group(
            kind, event, expected, n, n - 2, 11.2 - i, START, START + timedelta(days=i, hours=3), "7.2.1",
            sql="SELECT a.session_id, a.place, e.* FROM (SELECT 1) a JOIN events e ON e.event_id = a.event_id",
        )
        for i, (kind, event, expected, n) in enumerate((
            ("wrong_order", "quartile_75", "quartile_50", 214), ("missing", "heartbeat", "content_start", 167),
            ("repeated", "ad_pod_end", "content_start", 96), ("inserted", "ad_complete", "heartbeat", 71),
            ("time_gap", "heartbeat", "heartbeat", 40), ("new_event", "drm_renegotiate", "ad_quartile_50", 25),
        ))
    )  # fmt: skip
    days = tuple(
        Share(f"2026-05-{d:02d}", 50 + 16 * ((d * 3) % 5) + 6 * d, 8000 + 130 * d) for d in range(1, 8)
    )
    segments = {
        "platform": (Share("tv", 402, 21000), Share("phone", 150, 30100), Share("web", 61, 10104)),
        "app_version": (Share("7.2.1", 380, 9000), Share("7.2.0", 150, 40204), Share("7.1.9", 83, 12000)),
    }
    kinds: dict[str, int] = {}
    for group in groups:
        kinds[group.kind] = kinds.get(group.kind, 0) + group.sessions
    return AnomalyPageData(
        HEAD,
        total=613,
        scores=scores(),
        groups=groups,
        total_groups=6,
        version="app_version",
        families=tuple(replace(group, versions=3) for group in groups),
        total_families=6,
        by_kind=tuple(Share(kind, n) for kind, n in kinds.items()),
        by_day=days,
        kinds_by_day=tuple(
            Share(day.value, day.flagged // (i + 2), None, kind)
            for day in days
            for i, kind in enumerate(kinds)
        ),
        segments=segments,
        segments_by_day={
            "app_version": tuple(
                Share(day.value, day.flagged // (i + 2), 2000, share.value)
                for day in days
                for i, share in enumerate(segments["app_version"])
            )
        },
        top=tuple(with_raw(anomaly) for anomaly in anomalies()),
    )


def with_raw(anomaly: Anomaly) -> Anomaly:
    """The anomaly with the rows of events behind its first twelve places, and SQL."""
    raw = tuple(
        RawEvent(place, anomaly.event_ids[place], anomaly.events[place], anomaly.times[place], "log/part-1.parquet",
                 None, anomaly.covariates)
        for place in range(min(12, len(anomaly.events), len(anomaly.event_ids), len(anomaly.times)))
    )  # fmt: skip
    return replace(anomaly, raw=raw, sql=f"TABLE events -- of {anomaly.session_id}")


def hostile_anomaly() -> Anomaly:
    """Event names that would break out of markup, scripts, attributes or spreadsheets."""
    expected = tuple(Expected(name, 0.4 / (i + 1)) for i, name in enumerate(HOSTILE))
    odd = OddEvent(1, HOSTILE[1], 0.0001, 9, 9.2, expected)
    return Anomaly(
        session_id=HOSTILE[0], entity=HOSTILE[2], score=9.2, kind=HOSTILE[1], events=HOSTILE, positions=(1,),
        actual=(odd,), nearest=HOSTILE[::-1], edits=HOSTILE, event_ids=HOSTILE, action=HOSTILE[0],
        covariates=dict.fromkeys(HOSTILE, HOSTILE[1]), model_version=HOSTILE[1], verdict=HOSTILE[0],
    )  # fmt: skip


def hostile_page_data() -> RunPageData:
    """A full page with hostile names wherever a log or a config can put them."""
    rows = tuple(Minutes(name, 100.0 - i, 5.0, 95.0 - i, 90.0, 94.0) for i, name in enumerate(HOSTILE))
    head = Head(
        HOSTILE[1], HOSTILE[0], HOSTILE[2], START, HOSTILE[1],
        tables=(TableRef(HOSTILE[0], 1, 2, "javascript:alert(1)", HOSTILE[1]), TableRef("a", 1, 2, "../a")),
        generated_from=HOSTILE[0], pages=(PageRef(HOSTILE[1], "javascript:alert(1)"),),
    )  # fmt: skip
    return run_page_data(
        head=head,
        detector=HOSTILE[0],
        anomalies=(hostile_anomaly(),),
        evaluations=tuple(Evaluation(name, name, 0.5, note=name) for name in HOSTILE)
        + tuple(Evaluation(name, "pr_auc", 0.5) for name in HOSTILE),
        minutes=MinutesSummary(rows[0], rows, rows, rows, minutes().by_day),
        steps=(Step(HOSTILE[0], 1.0, HOSTILE[1], {HOSTILE[2]: 1}, HOSTILE[0]),),
        caveats=HOSTILE,
    )


def bare_page_data() -> RunPageData:
    """A page of a lake where nothing but a name is known."""
    return RunPageData(Head("bare"))


def checks() -> Checks:
    """Rules of two models, cards, predictions, and drift of two runs."""
    rules = tuple(
        {
            "model_version": f"{detector}-1", "detector": detector, "rule": rule, "event": rule, "says": says,
            "violations": 100, "violations_flagged": 90 + i, "legal_uses": 4000, "legal_flagged": 3 * i,
            "flagged_share": 0.9 + i / 100, "wrongly_flagged_share": 3 * i / 4000,
        }
        for detector in ("gru", "lstm")
        for i, (rule, says) in enumerate((
            ("resume", "Playback resumes where it was paused."), ("ad_end", "An ad ends that began."),
            ("end", "A session ends where the app is closed."),
        ))
    )  # fmt: skip
    cards = tuple(
        {
            "fault_kind": kind, "faults": 200, "detected": 190, "kind_right": 185, "position_right": 188,
            "kind_of_detected": 185 / 190, "position_of_detected": 188 / 190, "kind_of_all": 0.925,
            "position_of_all": 0.94, "cards": {"missing": 3, "wrong_order": 2},
        }
        for kind in ("all", "drop", "swap")
    )  # fmt: skip
    predictions = tuple(
        {"metric": metric, "bin": bin_, "value": value, "predicted": predicted, "n": n}
        for metric, bin_, value, predicted, n in (
            ("brier", "", 0.061, None, 9000), ("brier_of_base_rate", "", 0.09, None, 9000),
            ("calibration", "0.0-0.1", 0.02, 0.03, 8000), ("calibration", "0.9-1.0", 0.97, 0.95, 1000),
            ("warned", "", 0.8, None, 240), ("lead_before_end", "", 7.0, None, 190),
        )
    )  # fmt: skip
    drift = tuple(
        {
            "batch": 0, "measure": measure, "distance": 0.01 + day / 10, "psi": 0.02, "observed": 0.1,
            "expected": 0.1, "n_sessions": 900, "warned": day > 1, "beyond": False, "at": START + timedelta(days=day),
        }
        for day in (1, 2)
        for measure in ("event_mix", "length", "score", "unknown_share")
    )  # fmt: skip
    return Checks(rules, cards, predictions, drift)
