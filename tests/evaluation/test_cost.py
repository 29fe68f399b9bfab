from offbeat.evaluation.cost import earns_its_cost


def rows_of(detector, value, *, half=0.01, metric="f1", seconds=2.0, split="test", budget=0.01):
    shared = {
        "detector": detector,
        "split": split,
        "subset": "all",
        "verdict_rule": "flagged",
        "seconds": seconds,
    }
    figures = [
        {"metric": metric, "basis": "honest", "value": value, "low": value - half, "high": value + half},
        {"metric": "pr_auc", "basis": "honest", "value": value, "low": None, "high": None},
        {"metric": "alert_budget", "basis": "reference", "value": budget, "low": None, "high": None},
        # What must not be read: the oracle's figure and other subsets.
        {"metric": metric, "basis": "oracle", "value": 1.0, "low": 1.0, "high": 1.0},
        {"metric": metric, "basis": "honest", "value": 0.0, "low": 0.0, "high": 0.0, "subset": "distinct"},
    ]
    return [shared | figure for figure in figures]


def test_ahead_beyond_the_intervals():
    said = earns_its_cost(
        rows_of("lstm", 0.95, seconds=120.0) + rows_of("counts", 0.90) + rows_of("length", 0.5)
    )
    assert said == (
        "lstm earns its cost on test, ahead of every simple detector by more than chance: F1 at an alert budget of "
        "0.01 of normals 0.9500 [0.9400, 0.9600] in 120.0 s against counts 0.9000 [0.8900, 0.9100] in 2.0 s; length "
        "0.5000 [0.4900, 0.5100] in 2.0 s. PR-AUC 0.9500 against 0.9000 of counts."
    )


def test_ahead_within_the_intervals():
    said = earns_its_cost(
        rows_of("gru", 0.95) + rows_of("counts", 0.935) + rows_of("ngram2", 0.94) + rows_of("edit", 0.6)
    )
    assert said.startswith(
        "It is not shown that gru earns its cost on test: its lead over counts and ngram2 may be chance"
    )


def test_as_good_or_better():
    said = earns_its_cost(rows_of("lstm", 0.90) + rows_of("counts", 0.95) + rows_of("edit", 0.90))
    assert said.startswith(
        "lstm does not earn its cost on test, where counts and edit are as good or better: F1"
    )
    assert earns_its_cost(rows_of("lstm", 0.9) + rows_of("edit", 0.9)).count("edit is as good or better") == 1


def test_the_scaled_figure_is_the_measure_where_there_is_one():
    rows = rows_of("lstm", 0.9) + rows_of("lstm", 0.95, metric="f1_scaled")
    rows += rows_of("counts", 0.99) + rows_of("counts", 0.90, metric="f1_scaled")
    assert earns_its_cost(rows).startswith("lstm earns its cost")


def test_each_network_and_split_is_judged_for_itself():
    rows = rows_of("lstm", 0.95) + rows_of("gru", 0.80) + rows_of("counts", 0.90)
    rows += rows_of("lstm", 0.70, split="stress") + rows_of("counts", 0.90, split="stress")
    said = earns_its_cost(rows)
    assert "lstm earns its cost on test" in said
    assert "gru does not earn its cost on test" in said
    assert "lstm does not earn its cost on stress" in said


def test_another_budget_is_no_comparison():
    said = earns_its_cost(rows_of("lstm", 0.95) + rows_of("counts", 0.9, budget=0.1))
    assert (
        said == "Whether lstm earns its cost can't be said on test: no simple detector was judged beside it."
    )


def test_without_labels_or_network_it_says_so():
    assert earns_its_cost([]) == "No network was judged, so there is no cost to earn."
    rows = [row | {"value": None, "low": None, "high": None} for row in rows_of("lstm", 0.9)]
    assert earns_its_cost(rows).endswith("there are no abnormal sessions.")


def test_seconds_may_be_unknown():
    said = earns_its_cost(rows_of("lstm", 0.95, seconds=None) + rows_of("counts", 0.90))
    assert "0.9500 [0.9400, 0.9600] against" in said
