"""All steps on a small catalogue: tables, the same numbers in Spark and form, and the guard's exit status."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
from pyspark.sql import functions as F

from offbeat.cli import main
from offbeat.config import Config
from offbeat.evaluation.metrics import area_under_roc
from offbeat.packs.top10.answers import Answering, question_of
from offbeat.packs.top10.examples import EARLY, QUESTIONS
from offbeat.packs.top10.score import DDL, load_answering, scorer
from offbeat.packs.top10.tables import (
    CHARTED,
    RUN_FORECASTS,
    TITLE_EXAMPLES,
    TITLE_FIGURES,
    TITLE_SCORES,
    TITLES_UNMATCHED,
)
from offbeat.packs.top10.uses import returning
from offbeat.scoring.carrier import carry
from offbeat.serving.titles import Title
from offbeat.tables import Lake
from offbeat.tabular import load_model, pack_model
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
    # New releases are asked about too; nobody has seen what becomes of them.
    new = examples.where("label IS NULL").select("question", "title_id")
    assert {row["question"] for row in new.collect()} == {
        EARLY
    }  # the generator releases nothing in the last weeks
    assert scores.join(new, ["question", "title_id"]).where("NOT held_out").count() == 0
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
        "The earlier study, made again",
    ):
        assert said in page, said
    assert 'href="exploration.html"' in page


def test_what_is_judged_is_what_was_saved(ran):
    figures = {
        (r["question"], r["model"], r["metric"]): r
        for r in ran.read(TITLE_FIGURES).where("split = 'time' AND basis = 'honest'").collect()
    }
    said = (
        ran.read(TITLE_SCORES)
        .where("held_out")
        .join(
            ran.read(TITLE_EXAMPLES).where("label IS NOT NULL").select("question", "title_id", "label"),
            ["question", "title_id"],
        )
    )
    for question in QUESTIONS:
        mine = said.where(F.col("question") == question).toPandas()
        (row,) = (
            r for (q, _, metric), r in figures.items()
            if (q, metric) == (question, "roc_auc") and r["note"].startswith("champion; as saved")
        )  # fmt: skip
        assert row["n"] == len(mine)
        assert row["value"] == pytest.approx(
            area_under_roc(mine["label"].to_numpy(), mine["probability"].to_numpy())
        )
    row = figures["stays_next_week", "gru", "brier"]
    assert row["note"].startswith("as saved; runs from")
    assert 0 < row["low"] < row["value"] < row["high"] < 0.3
    assert 0 < row["positives"] < row["n"]
    off = figures["weeks_more", "gru", "mean_error_weeks"]
    assert 0 < off["low"] < off["value"] < off["high"] < 10


def test_each_title_of_the_lists_has_one_forecast(ran):
    rows = ran.read(RUN_FORECASTS).collect()
    assert len({row["chart_id"] for row in rows}) == len(rows) == ran.read(CHARTED).count()
    newest = max(row["last_week"] for row in rows)
    listed = [row for row in rows if row["state"] == "listed"]
    assert 36 <= len(listed) <= 40
    assert {row["last_week"] for row in listed} == {newest}
    assert all(0 <= row["stays_next"] <= 1 and row["weeks_more"] > 0 for row in listed)
    gone = [row for row in rows if row["state"] == "gone"]
    assert all(row["stays_next"] is None and row["last_week"] < newest for row in gone)
    shown = returning(ran.read(RUN_FORECASTS))
    assert 0 < len(shown) <= 15
    assert all(row["last_week"] > newest - dt.timedelta(weeks=26) for row in shown)


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
    """A title that has only what the form asks for: Spark scores it as HTTP answers it."""
    testclient = pytest.importorskip("fastapi.testclient")
    from offbeat.serving.app import build_app
    from offbeat.serving.run import load_service

    conf = Config.load(CONFIG, lake=ran.location)
    service = load_service(conf)
    client = testclient.TestClient(build_app(service), base_url="http://127.0.0.1")
    name = next(iter(service.answering.people["director"].values()))[0]
    asked = {
        "metascore": 71,
        "rating_label": "PG-13",
        "year": 2022,
        "genre": ["Drama"],
        "cast": ["Ada"],
        "director": name,
    }
    given = [asked, {**asked, "metascore": None}, {**asked, "weekly_hours_viewed": 2e7}]
    rows = []
    for place, fields in enumerate(given):
        numbers, texts = service.known(Title.model_validate(fields))
        question = question_of(numbers)
        rows.append((question, str(place), "t", "g", dt.date(2022, 1, 1), True, None, numbers, texts))
    frame = ran.spark.createDataFrame(
        rows,
        "question string, title_id string, title string, title_group string, as_of date, dated boolean, label int, "
        "numbers map<string,double>, texts map<string,array<string>>",
    )
    registry = Registry(ran, conf.name)
    version = registry.champion()
    carrier = carry(ran.spark, version, pack_model(registry.path(version)), loader=load_answering)
    spark_said = {row["title_id"]: row for row in frame.mapInArrow(scorer(carrier), DDL).collect()}
    for place, fields in enumerate(given):
        said = client.post("/api/v1/predict", json=fields).json()
        assert said["probability"] == round(spark_said[str(place)]["probability"], 6)
        assert said["question"] == spark_said[str(place)]["question"]
        asked_for = {r["field"]: r["effect"] for r in said["reasons"]}
        both = [r for r in spark_said[str(place)]["reasons"] if r["field"] in asked_for]
        assert both
        assert all(asked_for[r["field"]] == r["effect"] for r in both)


def test_the_saved_model_says_the_same_numbers_as_spark(ran):
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
