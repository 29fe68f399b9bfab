"""The page on installs: every section from its tables' rows, and what is missing said to be missing."""

import numpy as np
import pytest

from offbeat.config import Config, Cost
from offbeat.errors import UsageError
from offbeat.packs.installs import pictures, sections
from offbeat.packs.installs.clicks import assert_config
from offbeat.packs.installs.features import FEATURES
from offbeat.packs.installs.marketing import in_words
from offbeat.packs.installs.networks import Said
from offbeat.packs.installs.seen import Seen
from offbeat.packs.installs.table import ClickTable, Split
from offbeat.packs.installs.visitors import Visitors
from offbeat.reports.data import Head
from offbeat.reports.page import render_page
from offbeat.reports.write import write_page
from offbeat.tabular import SavedModel


@pytest.fixture
def conf():
    return Config(name="clicks", pack="installs", lake="lake/x", source=({"path": "x"},))


def saved() -> SavedModel:
    split = {"fit_until": 1_500_000_000_000_000, "train_until": 1_500_003_600_000_000}
    validation = {"roc_auc": 0.95, "pr_auc": 0.4}
    return SavedModel("v", None, FEATURES, {"model": "voting", "split": split, "validation": validation}, {})


def figure(detector, metric, value, basis="honest"):
    return {
        "detector": detector, "metric": metric, "value": value, "low": value - 0.1, "high": value + 0.05,
        "basis": basis, "subset": "all", "seconds": 1.5, "note": "",
    }  # fmt: skip


def test_a_page_without_anything_says_what_to_run(conf):
    seen = Seen(conf, "v", saved(), [], {}, None, [], None)
    html = render_page(Head("x"), sections.build(seen))
    for text in ("offbeat evaluate", "offbeat score", "No network was trained", "No sessions are scored yet"):
        assert text in html


def full_page(conf) -> str:
    """The page where every table has rows."""
    labels = np.array([0] * 95 + [1] * 5)
    given = np.linspace(0, 1, 100)
    points = [
        *pictures._reliability("voting", labels, given),
        *pictures._gain("voting", labels, given),
        *pictures._visitors(Visitors.of(given, np.arange(100) // 2, labels, 0.5)),
        *pictures._confusion("forest_study", labels, given > 0.5),
        pictures._point("importance", "voting", 0, label="rate_app", x=0.2, low=0.1, high=0.3),
        pictures._point("history", "all", 0, x=3.0, n=5),
        pictures._point("history", "test", 1, x=1.0, n=5),
    ]
    kinds = ("training, no install", "test, no install", "spike, true installer", "spike, false installer")
    points += [
        pictures._point(picture, "lstm", place, label=kind, x=float(place), y=4.0, low=0.0, high=3.5)
        for place, kind in enumerate(kinds)
        for picture in ("errors", "errors_zoom")
    ]
    found = {}
    for point in points:
        found.setdefault(point["picture"], []).append(point)
    rows = [
        figure(name, metric, 0.9)
        for name in ("voting", "logistic_baseline")
        for metric in ("roc_auc", "pr_auc", "recall_at_1pct")
    ]
    rows.append(figure("leaky_attributed_time", "roc_auc", 1.0, "leaky"))
    bots = [{
        "entity": "1.2.3.4<b>", "is_farm": True, "clicks": 300, "flagged_clicks": 290, "clicks_per_hour": 120.0,
        "expected_installs": 0.01, "score": 9.0, "kinds": ["length", "wrong_order"],
    }]  # fmt: skip
    seen = Seen(conf, "v", saved(), rows, found, [], ["App 3 on channel 7: fine."], bots)
    return render_page(Head("x"), sections.build(seen))


def test_the_page_shows_figures_pictures_segments_and_farms(conf):
    html = full_page(conf)
    for text in (
        "Confusion matrix: random forest of the study", "Error per observation: LSTM on non-installers",
        "Zoom: LSTM on non-installers", "Gain", "Lift", "Reliability", "What the model goes by",
        "The test holds 5 installs – few, so that every interval here is wide.",
        "3 of all 5 installs have an earlier click", "ROC-AUC would be 1.0000; honestly it is 0.9000",
        "Reliability by visitor", "Visitors by clicks",
        "App 3 on channel 7: fine.", "likely farm", "1.2.3.4&lt;b&gt;", "spike, true installer",
    ):  # fmt: skip
        assert text in html, text


def test_gain_and_lift_are_what_a_hand_count_gives():
    labels = np.array([1, 0, 0, 0, 0, 0, 0, 0, 0, 1])
    given = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05])
    points = list(pictures._gain("m", labels, given))
    at = {(point["picture"], point["n"]): point["y"] for point in points}
    assert at["gain", 1] == 0.5
    assert at["lift", 1] == 5.0  # half of the installs in a tenth of the clicks
    assert at["gain", 10] == 1.0
    assert at["lift", 10] == 1.0


def test_a_confusion_matrix_counts_clicks():
    points = pictures._confusion("m", np.array([1, 1, 0, 0, 0]), np.array([True, False, True, False, False]))
    assert {point["label"]: point["n"] for point in points} == {
        "installed|called": 1, "installed|not called": 1, "not installed|called": 1, "not installed|not called": 2,
    }  # fmt: skip


def test_errors_show_all_installers_of_the_test_and_mark_spikes():
    assert pictures._kind("training", 99.0, 0, 5.0) == "training, no install"
    assert pictures._kind("test", 6.0, 1, 5.0) == "spike, true installer"
    assert pictures._kind("test", 6.0, 0, 5.0) == "spike, false installer"
    assert pictures._kind("test", 5.0, 1, 5.0) == "installer without a spike"
    assert pictures.threshold_of(Cost(miss=3, alarm=1)) == 0.25
    assert Said("lstm", np.zeros(0), np.zeros(0), np.zeros(0), 0.0, "").name == "lstm"


@pytest.mark.parametrize(
    "output, said",
    [
        ({"per": "click"}, r"output\.per: expected visitor or row, got 'click'"),
        ({"cvs": "x"}, r"output\.cvs: no such key; did you mean csv\?"),
    ],
)
def test_an_output_that_there_is_none_of_is_refused(conf, output, said):
    columns = {"columns": {"covariates": ["ip", "app", "device", "os", "channel"]}}
    good = Config(
        name="clicks", pack="installs", lake="x", source=({"path": "x", **columns},), output={"per": "row"}
    )
    assert_config(good)
    with pytest.raises(UsageError, match=said):
        assert_config(conf.model_copy(update={"output": output}))


def test_many_installers_are_drawn_in_part():
    n = 2000
    fields = {"ip": np.arange(n).astype(str).astype(object)}
    installed = np.repeat([0, 1], n // 2)
    table = ClickTable(fields, np.arange(n), installed, np.arange(n), np.zeros((n, 1)), {}, 1.0)
    nobody = Visitors.of(np.zeros(0), np.zeros(0, int), np.zeros(0, int), 1.0)
    seen = pictures.Seen(table, Split(500, 1000), table, {}, {}, (), "voting", nobody)
    said = Said("lstm", np.zeros(n), np.linspace(0, 1, n), np.zeros(n), 0.0, "")
    points = list(pictures._errors(seen, said, seed=0))
    kinds = ("spike, true installer", "installer without a spike")
    assert len([1 for p in points if p["picture"] == "errors" and p["label"] in kinds]) == 300
    assert {p["picture"] for p in points} == {"errors", "errors_zoom", "spikes"}
    # Half of the test's errors, all of installers, are above what training had.
    assert {p["label"]: p["n"] for p in points if p["picture"] == "spikes"} == {
        "spike, true installer": 1000, "spike, false installer": 0,
    }  # fmt: skip


def test_segments_in_words():
    one = {
        "app": "3", "channel": "7", "clicks": 1200, "expected_installs": 24.0, "rate": 0.02, "lift": 8.0,
        "best_hour": 9, "farm_share": 0.25, "installs": 22, "expected_of_known": 21.5,
    }  # fmt: skip
    rare = {**one, "best_hour": None, "farm_share": 0.0, "installs": None}
    assert in_words([rare]) == [
        "App 3 on channel 7: 1,200 clicks, 24.0 installs expected (2.00% of clicks, 8.0 times the average)."
    ]
    assert in_words([one]) == [
        (
            "App 3 on channel 7: 1,200 clicks, 24.0 installs expected (2.00% of clicks, 8.0 times the average), "
            "best from 09:00 to 10:00 UTC, 25% of the clicks from likely farms; where the log says, it counts 22 "
            "against 21.5 expected."
        )
    ]


@pytest.mark.system
def test_the_page_is_fit_for_all(conf, tmp_path):
    pytest.importorskip("playwright", reason="browser tests need playwright")
    from tests.system.browser import assert_fit_for_all, open_browser

    page = write_page(tmp_path / "installs" / "installs.html", full_page(conf))
    with open_browser() as browser:
        assert_fit_for_all(browser, page)
