"""The page of an evaluation, and the index that finds the pages there are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from offbeat.reports.data import PageRef
from offbeat.reports.data_quality import Evaluation
from offbeat.reports.evaluation_page import render_evaluation_page
from offbeat.reports.index import find_pages
from offbeat.reports.quality import curve_points
from tests.reports import example

DATA = example.evaluation_page_data()


@pytest.fixture(scope="module")
def page() -> str:
    return render_evaluation_page(DATA)


def test_everything_that_the_table_holds_is_on_the_page(page):
    for name in (
        "intervals", "pr-curve", "confusion", "confusion-2-gram",
        "pr-curves", "training-loss", "training-accuracy", "stress-label-noise",
        "stress-class-ratio", "stress-train-faults", "stress-vocabulary-growth", "stress-drift",
    ):  # fmt: skip
        assert f'id="{name}"' in page
    for name in ("honest-oracle", "subsets", "detectors", "evaluations", "published"):
        assert f'data-name="{name}"' in page
    assert "In force for lstm: recall" in page
    assert "In force for 2-gram: recall" in page
    assert "earns its cost on test" in page
    assert page.count("Does the network earn its cost?") == 1
    assert "logdeep README" in page
    assert "Synthetic faults" not in page
    assert len(page.encode()) < 2_000_000


def test_synthetic_faults_are_called_so_wherever_a_figure_leads():
    page = render_evaluation_page(example.evaluation_page_data(synthetic=True))
    assert "Recall, of synthetic faults" in page
    assert "Recall, honest" not in page
    assert page.count("Faults were put into held-out sessions") == 1
    assert 'data-name="kinds"' in page
    assert "published" not in page.split("<main")[1].split("</main")[0].lower()


def test_a_page_of_nothing_says_what_to_do():
    page = render_evaluation_page(replace(DATA, evaluations=(), epochs=(), published=()))
    assert "`offbeat evaluate` writes it." in page
    assert "No training curves" in page
    assert "evaluate.stress: true makes them, or some of label_noise, class_ratio" in page
    assert "No curves: they take sessions of both labels" in page
    assert "evaluate.detectors names those that are" in page


def test_the_curve_has_the_threshold_in_force():
    rows = [
        Evaluation("lstm", "precision_at_recall_0.50", 0.9, basis="reference"),
        Evaluation("lstm", "precision", 0.8), Evaluation("lstm", "recall", 0.6), Evaluation("lstm", "threshold", 3.5),
    ]  # fmt: skip
    points = [(p.recall, p.precision, p.threshold, p.chosen) for p in curve_points(rows)]
    assert points == [(0.5, 0.9, None, False), (0.6, 0.8, 3.5, True)]
    scaled = curve_points([*rows, Evaluation("lstm", "precision_scaled", 0.7)])
    assert scaled[-1].precision == 0.7


def test_the_index_finds_pages_whoever_wrote_them(tmp_path):
    (tmp_path / "index.html").write_text("<title>the index</title>")
    (tmp_path / "b&c.html").write_text(
        '<title>B &amp; C · offbeat</title><p class="subtitle">What &lt;it&gt; shows</p>'
    )
    (tmp_path / "a.html").write_text("no title")
    assert find_pages(tmp_path) == (PageRef("a", "a.html"), PageRef("B & C", "b%26c.html", "What <it> shows"))
    assert find_pages(tmp_path / "none") == ()
