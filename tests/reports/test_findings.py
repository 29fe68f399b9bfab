"""The sentences that pages compute: minutes, and whether the network earns its cost."""

from __future__ import annotations

from offbeat.reports.data import Minutes
from offbeat.reports.data_quality import Evaluation
from offbeat.reports.minutes import minutes_figures, sentence
from offbeat.reports.quality import earns_its_cost, evaluation_section, main_split, quality_figures
from tests.reports import example

S = "\u00a0"


def judged(detector: str, value: float, spread: float | None = 0.01, **more) -> Evaluation:
    low, high = (None, None) if spread is None else (value - spread, value + spread)
    return Evaluation(detector, **({"metric": "f1", "value": value, "low": low, "high": high} | more))


def test_minutes_of_a_generated_log():
    total = Minutes("all", 1030.0, 50.0, 980.0, 1000.0, 975.0, 60.0)
    assert sentence(total) == (
        f"The report says 1,030 minutes; 50 of them (4.85{S}%) rest on sessions whose events are out of sequence. "
        f"Really viewed were 1,000 minutes: the report is off by +3.00{S}%. Without the flagged sessions, what is left "
        f"is off by +0.51{S}%. Where errors can't cancel – by day, partner, title and platform – 60 minutes "
        f"(6.00{S}%) are in the wrong place."
    )
    assert [figure.tone for figure in minutes_figures(total)] == ["plain", "bad"]


def test_minutes_of_a_real_log():
    total = Minutes("all", 1030.0, 50.0, 980.0)
    assert "can't be said" in sentence(total)
    assert [figure.label for figure in minutes_figures(total)] == ["Minutes on flagged sessions"]


def test_flagging_that_makes_it_worse_is_not_called_better():
    total = Minutes("all", 1010.0, 50.0, 960.0, 1000.0, 900.0, 60.0)
    assert f"off by +6.67{S}%" in sentence(total)
    assert [figure.tone for figure in minutes_figures(total)] == ["plain", "plain"]


def test_the_sentence_is_the_evaluation_s_own():
    rows = [judged("lstm", 0.95, seconds=90.0), judged("ngram2", 0.9, seconds=2.0)]
    assert earns_its_cost(rows) == (
        "lstm earns its cost on test, ahead of every simple detector by more than chance: "
        "F1 0.9500 [0.9400, 0.9600] in 90.0 s against ngram2 0.9000 [0.8900, 0.9100] in 2.0 s."
    )
    assert "may be chance" in earns_its_cost([judged("lstm", 0.905), judged("ngram2", 0.9)])
    assert "does not earn its cost" in earns_its_cost([judged("gru_classifier", 0.8), judged("ngram2", 0.9)])


def test_oracle_figures_and_stress_are_never_compared():
    rows = [judged("lstm", 0.95), judged("a", 0.2), judged("c", 0.99, basis="oracle")]
    rows += [judged("d", 0.99, split="stress_drift", subset="0")]
    assert "against a 0.2000" in earns_its_cost(rows)


def test_no_sentence_where_there_is_nothing_to_compare():
    assert earns_its_cost([]) is None
    assert earns_its_cost([judged("lstm", 0.9)]) is None
    assert earns_its_cost([judged("lstm", 0.9), judged("x", 0.9, split="other")]) is None


def test_main_split_is_that_of_the_labels_else_of_synthetic_faults():
    faulty, labelled = (
        judged("a", 1.0, split="synthetic", metric="roc_auc"),
        judged("a", 1.0, metric="roc_auc"),
    )
    unlabelled = Evaluation("a", "roc_auc", None)
    assert main_split([faulty, labelled]) == "test"
    assert main_split([unlabelled, faulty]) == "synthetic"
    assert main_split([judged("a", 1.0, split="stress_drift", subset="0.1"), judged("a", 1.0)]) == "test"
    assert main_split([judged("a", 1.0, split="other")]) == "other"


def test_key_figures_are_honest_ones_of_the_run_s_detector():
    figures = quality_figures(example.evaluations(), "lstm")
    assert [(f.label, f.value) for f in figures] == [
        ("Recall, honest", f"87.1{S}%"),
        ("Precision, honest", f"92.7{S}%"),
        ("F1, honest", f"89.8{S}%"),
        ("PR-AUC, honest", f"93.4{S}%"),
    ]
    assert figures[0].note == f"95 %: 85.0{S}% to 88.9{S}%"


def test_scaled_f1_stands_for_f1_where_there_is_one():
    rows = [*example.evaluations(), Evaluation("lstm", "f1_scaled", 0.91)]
    assert [f.label for f in quality_figures(rows, "lstm")][2] == "F1, scaled, honest"


def test_evaluation_of_others_alone_still_has_a_section():
    section = evaluation_section([judged("x", 0.9), judged("y", 0.4)], "lstm")
    assert "All evaluated figures" in str(section.parts[-1])


def test_undefined_figures_are_left_out():
    assert evaluation_section(
        [Evaluation("lstm", "precision", None, note="nothing was flagged")], "lstm"
    ).parts
