"""The step `report` on a lake with a model and without."""

from __future__ import annotations

import html
import json
import re
from datetime import datetime, timezone
from pathlib import Path

import pytest

from offbeat.config import Config
from offbeat.errors import UsageError
from offbeat.reports.run import run
from offbeat.tables.contract import ANOMALIES, EVENTS, SESSION_SCORES
from offbeat.tables.lake import Lake
from offbeat.training.registry import Registry
from tests.reports.test_exploration import event
from tests.reports.test_gather import anomaly, scored

pytestmark = pytest.mark.spark

START = datetime(2026, 5, 1, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def conf(tmp_path_factory) -> Config:
    folder = tmp_path_factory.mktemp("report")
    source = {"format": "csv", "path": "x.csv", "columns": {"covariates": ["platform"]}}
    return Config(name="small", lake=str(folder / "lake"), source=[source])


@pytest.fixture(scope="module")
def lake(spark, conf) -> Lake:
    """A lake with two tables and a champion that is nothing but its history."""
    lake = Lake(spark, conf.lake)
    lake.ensure(SESSION_SCORES, ANOMALIES, EVENTS)
    raw = [event(1, "e", "a", START), event(2, "e", "b", None), event(3, "f", "c", START)]
    lake.append(EVENTS, spark.createDataFrame(raw, EVENTS.schema))
    rows = [scored("a", 9.0, "anomalous"), scored("b", 0.5), scored("c", 0.7)]
    lake.append(SESSION_SCORES, spark.createDataFrame(rows, SESSION_SCORES.schema))
    lake.append(ANOMALIES, spark.createDataFrame([anomaly("a", 9.0)], ANOMALIES.schema))
    registry = Registry(lake, conf.name)
    model = registry.path("v1")
    model.mkdir(parents=True)
    (model / "manifest.json").write_text(json.dumps({"detector": "gru"}))
    (model / "history.json").write_text(json.dumps({"loss": [2.0, 1.5], "val_loss": [2.1, 1.6]}))
    registry.promote("v1", reason="test")
    return lake


@pytest.fixture(scope="module")
def made(lake, conf) -> dict:
    return run(lake, conf, run_id="report-1")


def test_pages_lie_beside_the_tables_and_name_what_they_show(made, conf):
    page, anomalies = Path(made["page"]), Path(made["anomalies_page"])
    assert page == Path(conf.lake) / "pages" / "small" / "index.html"
    text = page.read_text(encoding="utf-8")
    for said in (
        "<code>session_scores</code> version 1",
        "../../session_scores",
        "report-1",
        "v1",
        "anomalies.html",
    ):
        assert said in text
    assert "The model (gru) gives each event" in text
    assert 'id="training-loss"' in text
    assert "No evaluation" in text
    assert "<code>b</code> came where <code>x</code> was expected" in text
    assert "By platform" in anomalies.read_text(encoding="utf-8")


def test_cards_lead_to_the_raw_events_and_their_sql_runs(made, lake, spark):
    text = html.unescape(Path(made["anomalies_page"]).read_text(encoding="utf-8"))
    assert 'data-name="raw-1"' in text
    queries = re.findall(r'<pre class="sql"[^>]*><code>(.*?)</code>', text)
    assert len(queries) == 2  # of the cause, and of the card
    for query in queries:
        rows = spark.sql(query).collect()
        assert [(row["session_id"], row["place"], row["event_id"]) for row in rows] == [
            ("a", 0, "1"),
            ("a", 1, "2"),
        ]


def test_a_log_that_is_only_ingested_has_pages_where_the_config_says(lake, spark, conf, made, tmp_path):
    few = Lake(spark, str(tmp_path / "few"))
    few.overwrite(EVENTS, lake.read(EVENTS))
    elsewhere = conf.model_copy(update={"output": {"pages": str(tmp_path / "out")}})
    pages = run(few, elsewhere, run_id="report-2")
    assert pages["page"] == str(tmp_path / "out" / "index.html")
    assert sorted(pages) == ["exploration_page", "page", "pages", "pages_written"]
    assert (pages["pages"], pages["pages_written"]) == (2, 2)
    index = Path(pages["page"]).read_text(encoding="utf-8")
    assert 'href="exploration.html"' in index
    assert "No session has been scored yet" in index
    assert "offbeat sessionize" in Path(pages["exploration_page"]).read_text(encoding="utf-8")


def test_same_lake_gives_the_same_pages(made, lake, conf):
    paths = [Path(path) for name, path in made.items() if name.endswith("page")]
    before = [path.read_bytes() for path in paths]
    for path in paths:
        path.unlink()
    run(lake, conf, run_id="report-1")
    assert [path.read_bytes() for path in paths] == before


def test_a_page_made_of_the_same_is_left_as_it_is(made, lake, conf, monkeypatch):
    run(lake, conf, run_id="report-1")
    monkeypatch.setattr("offbeat.reports.run.gather_exploration", lambda *_, **__: pytest.fail("read again"))
    again = run(lake, conf, run_id="report-2")
    assert (again["pages"], again["pages_written"]) == (3, 1)  # the index, which tells of the last runs
    assert again["exploration_page"] == made["exploration_page"]
    lake.set_property(ANOMALIES, "offbeat.test", "a new version")
    lake.tables_read.clear()  # as each step does when it begins
    again = run(lake, conf, run_id="report-3")
    assert again["pages_written"] == 2
    assert "report-3" in Path(again["anomalies_page"]).read_text(encoding="utf-8")
    other = conf.model_copy(update={"score": conf.score.model_copy(update={"top_k": 3})})
    with pytest.raises(pytest.fail.Exception, match="read again"):
        run(lake, other, run_id="report-4")


def test_a_lake_without_scores_is_refused(spark, conf, tmp_path):
    with pytest.raises(UsageError, match="nothing to report of small"):
        run(Lake(spark, str(tmp_path / "empty")), conf, run_id="report-1")
