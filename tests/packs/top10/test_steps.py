"""All steps on a small catalogue: tables, the same numbers in Spark and form, and the guard's exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from offbeat.cli import main
from offbeat.config import Config
from offbeat.packs.top10.answers import Answering
from offbeat.packs.top10.tables import (
    RUN_FORECASTS,
    TITLE_EXAMPLES,
    TITLE_FIGURES,
    TITLE_SCORES,
    TITLES_UNMATCHED,
)
from offbeat.tables import Lake
from offbeat.tabular import load_model
from offbeat.training.registry import Registry

pytestmark = [pytest.mark.spark, pytest.mark.slow]

CONFIG = Path(__file__).parents[3] / "conf" / "top10.yaml"


@pytest.fixture(scope="module")
def arguments(tmp_path_factory):
    folder = tmp_path_factory.mktemp("top10")
    data = folder / "data"
    given = [
        f"generate.path={data}", "generate.rows=900", "generate.settings={weeks: 50}", f"source.path={data}/weekly.tsv",
        f"catalogues.0.path={data}/catalogue.csv", f"catalogues.1.path={data}/ratings.csv",
        "model.settings={models: [logistic, boosting], folds: 2, epochs: 2}",
    ]  # fmt: skip
    sets = [part for each in given for part in ("--set", each)]
    return ["--config", str(CONFIG), "--lake", str(folder / "lake"), *sets]


@pytest.fixture(scope="module")
def ran(spark, arguments, request):
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        assert main(["run", *arguments]) == 0
    return Lake(spark, arguments[3])


def test_every_title_has_a_score_and_the_page_is_there(ran):
    examples, scores = ran.read(TITLE_EXAMPLES), ran.read(TITLE_SCORES)
    assert scores.count() == examples.count() > 900
    assert 36 <= ran.read(RUN_FORECASTS).where("state = 'listed'").count() <= 40
    reasons = {
        row["reason"]
        for row in ran.read(TITLES_UNMATCHED).where("left_source = 'lists'").select("reason").collect()
    }
    assert reasons >= {"ambiguous", "not_in_catalogue"}
    page = (Path(ran.location) / "pages" / "top10" / "index.html").read_text(encoding="utf-8")
    for said in (
        "Leaky and honest side by side",
        "Titles by weeks and hours",
        "Use 5: what might come back",
        "n =",
    ):
        assert said in page or said == "n ="
    assert 'href="exploration.html"' in page


def test_the_truth_is_ahead_of_the_model_and_the_leaks_ahead_of_the_truth(ran):
    rows = (
        ran.read(TITLE_FIGURES)
        .where("question = 'before_release' AND metric = 'roc_auc' AND split = 'time'")
        .collect()
    )
    auc = {row["model"]: row["value"] for row in rows}
    assert 0.55 < max(auc["logistic"], auc["boosting"]) < auc["known_truth"] + 0.05
    assert auc["hours_filled_with_zero"] > 0.97
    assert 0.35 < auc["missingness_only"] < 0.65


def test_the_form_says_the_same_numbers_as_spark(ran):
    conf = Config.load(CONFIG, lake=ran.location)
    registry = Registry(ran, conf.name)
    answering = Answering(load_model(registry.path(registry.champion())))
    scored = {(r["question"], r["title_id"]): r for r in ran.read(TITLE_SCORES).collect()}
    for row in ran.read(TITLE_EXAMPLES).collect():
        said = answering.answer(row["question"], row["numbers"], row["texts"])
        spark_said = scored[row["question"], row["title_id"]]
        assert said.probability == spark_said["probability"]
        assert [r.effect for r in said.reasons[:5]] == [r["effect"] for r in spark_said["reasons"]]


@pytest.mark.parametrize(
    "leak, words",
    [
        (
            "{extra_features: [weekly_hours_viewed], fill: {weekly_hours_viewed: 0}}",
            "weekly_hours_viewed is 0 for",
        ),
        ("{extra_features: [votes]}", "votes (known with the votes"),
        ("{extra_features: [ratings.imdb_rating]}", "whether ratings.imdb_rating is missing"),
    ],
)
def test_each_leak_ends_the_run_with_status_4(ran, arguments, capsys, leak, words):
    assert main(["train", *arguments, "--set", f"model.settings={leak}"]) == 4
    assert words in capsys.readouterr().err


def test_a_second_run_changes_no_answer(ran, arguments, capsys):
    before = {(r["question"], r["title_id"]): r["probability"] for r in ran.read(TITLE_SCORES).collect()}
    assert main(["score", *arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["title_scores"] == len(before)
    assert {
        (r["question"], r["title_id"]): r["probability"] for r in ran.read(TITLE_SCORES).collect()
    } == before
