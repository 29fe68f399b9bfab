from __future__ import annotations

import dataclasses

import pytest

from offbeat.reports import parts
from offbeat.reports.data_anomalies import Anomaly, Expected, OddEvent
from tests.reports import example


def card_of(anomaly: Anomaly) -> str:
    return str(parts.anomaly_card(anomaly, number=1))


def odd(kind: str, position: int = 1, event: str = "b", expected: str = "x", n: int = 3) -> Anomaly:
    actual = (OddEvent(position, event, 0.001, 5, 6.9, (Expected(expected, 0.9), Expected("y", 0.05))),)
    return Anomaly("s", "e", 6.9, kind, tuple("abc"[:n]), positions=(position,), actual=actual)


@pytest.mark.parametrize(
    "kind, said",
    [
        ("wrong_order", "<code>b</code> came where <code>x</code> was expected"),
        ("missing", "<code>x</code> is missing before <code>b</code>"),
        ("repeated", "<code>b</code> came again, where <code>x</code> was expected"),
        ("new_event", "<code>b</code> came, which training never saw"),
        ("time_gap", "<code>b</code> came after an unusual time"),
        ("a kind of later", "<code>b</code> came where <code>x</code> was expected"),
    ],
)
def test_headline_says_what_happened(kind, said):
    assert parts.headline(odd(kind)) == said


def test_headline_of_a_session_that_ended_too_soon():
    assert parts.headline(odd("missing", position=3)) == "The session ended where <code>x</code> was expected"


def test_headline_names_another_event_than_the_one_that_came():
    assert (
        parts.headline(odd("wrong_order", expected="b"))
        == "<code>b</code> came where <code>y</code> was expected"
    )


def test_headline_without_places():
    assert "unusual number" in parts.headline(Anomaly("s", "e", 1.0, "length", ("a",)))
    assert "stranger than its threshold" in parts.headline(Anomaly("s", "e", 1.0, "wrong_order", ("a",)))


def test_headline_escapes_and_shortens():
    said = parts.headline(odd("wrong_order", event="<b>" + "x" * 500))
    assert "&lt;b&gt;" in said
    assert len(said) < 300
    assert "the end" not in said


def test_card_shows_score_times_probabilities_and_action():
    html = card_of(example.anomalies()[0])
    for said in (
        "score 11.5",
        "threshold 6.21",
        "stranger than 99.99\u00a0% of normal sessions",
        '<time datetime="2026-05-01T18:30:12Z">2026-05-01 18:30:12\u00a0UTC</time>',
        "26 events",
        "What came as event 18 of 26",
        "1 in 100,000",
        "91.2\u00a0%",
        "What to do.",
        "00b1e6c9a47f0d23",
        "00-0000-9f3c",
        "app_version",
    ):
        assert said in html


def test_card_marks_the_odd_event_in_words_too():
    assert '<code>quartile_75</code><span class="vh"> – out of sequence</span>' in card_of(
        example.anomalies()[0]
    )


def test_card_of_the_least_that_is_known():
    html = card_of(Anomaly("s", "e", 1.0, "counts", ("a",)))
    assert "no time in the log" in html
    assert "1 event</p>" in html
    assert "Nearest normal" not in html


def test_card_of_a_long_session_is_bounded():
    long = dataclasses.replace(
        example.anomalies()[0],
        events=("heartbeat",) * 100_000,
        event_ids=tuple(map(str, range(100_000))),
        positions=tuple(range(0, 100_000, 7)),
    )
    html = card_of(long)
    assert len(html) < 40_000
    assert "the first 200 of 100,000" in html


def test_same_events_in_the_same_order_are_said_to_be_so():
    anomaly = example.anomalies()[7]
    assert anomaly.nearest == anomaly.events
    assert "only their times differ" in card_of(anomaly)


def test_vocabulary_marks_are_put_in_words():
    html = card_of(example.anomalies()[5])
    assert "end of session" in html
    assert "&lt;end&gt;" not in html.split("Nearest normal")[0]


def test_key_figures_and_callouts_escape():
    assert "&lt;b&gt;" in parts.key_figures([parts.KeyFigure("<b>", "<b>", "<b>")])
    assert "<b>" not in parts.callout("<b>", title="<b>")
    assert "<b>" not in parts.bullets(["<b>"]) + parts.missing("<b>") + parts.paragraph("<b>") + parts.folded(
        "<b>"
    )
