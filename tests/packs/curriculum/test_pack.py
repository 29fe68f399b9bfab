"""The pack from log to pages in a lake: generated with people hidden, and the real excerpt."""

from __future__ import annotations

import csv
import datetime as dt
import re
import sqlite3
from pathlib import Path

import pytest
from pyspark.sql import functions as F

from offbeat.config import Config
from offbeat.errors import InputRefused, UsageError
from offbeat.ingest.pseudonyms import KEY
from offbeat.ingest.run import run as ingest
from offbeat.packs.curriculum import pack
from offbeat.packs.curriculum import tables as T
from offbeat.packs.curriculum.pages import write_pages
from offbeat.reports.write import Pages
from offbeat.tables import Lake
from offbeat.tables.contract import EVENTS

pytestmark = pytest.mark.spark
CONFIG = Path(__file__).parents[3] / "conf" / "curriculum.yaml"
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)


def config(lake, *overrides):
    return Config.load(CONFIG, overrides=overrides, lake=str(lake))


def answered(spark, conf, folder):
    """Everything but the model: what reads no scores is all there."""
    lake = Lake(spark, conf.lake)
    ingest(lake, conf, run_date=NOW, rewrite=pack.rewrite(lake, conf))
    pack.sessionize(lake, conf, run_id="r", run_date=NOW)
    counts = pack.after_score(lake, conf, "none")
    assert pack.after_score(lake, conf, "none") == {}  # nothing new: nothing is answered twice
    pages = write_pages(lake, conf, Pages(folder), run_id="r", run_date=NOW)
    return lake, counts, {name: Path(path).read_text(encoding="utf-8") for name, path in pages.items()}


@pytest.fixture
def cohorts_database(tmp_path):
    """Moves the generated cohorts table into a database."""

    def move(path):
        with path.open(encoding="utf-8") as stream:
            head, *rows = csv.reader(stream)
        target = tmp_path / "cohorts.db"
        database = sqlite3.connect(target)
        database.execute(f"CREATE TABLE cohorts ({', '.join(head)})")
        database.executemany(f"INSERT INTO cohorts VALUES ({', '.join('?' * len(head))})", rows)  # noqa: S608
        database.commit()
        database.close()
        return target

    return move


@pytest.mark.slow
def test_a_generated_log_with_people_hidden_and_cohorts_by_sql(
    spark, tmp_path, monkeypatch, cohorts_database
):
    monkeypatch.setenv(KEY, "a key that nobody guesses")
    log = tmp_path / "log"
    common = (
        f"generate.path={log}",
        "generate.rows=40000",
        "generate.settings.like=null",
        "source.pseudonyms=[user_id, ip]",
    )
    conf = config(tmp_path / "lake", *common, f"source.path={log}/access-*.txt")
    pack.generate(Lake(spark, conf.lake), conf)
    conf = config(
        tmp_path / "lake", *common, f"source.path={log}/access-*.txt", "lookups.cohorts.format=jdbc",
        f"lookups.cohorts.path={cohorts_database(log / 'cohorts.csv')}", "lookups.cohorts.options={dbtable: cohorts}",
        f"output.export={tmp_path}/flat", "output.preset=fill",
    )  # fmt: skip
    lake, counts, pages = answered(spark, conf, tmp_path / "pages")
    assert counts["suspicious_activity"] > 0
    assert lake.read(T.ANSWERS).count() == 11
    # Nobody's id or address is in any table or page.
    events = lake.read(EVENTS)
    assert events.where(~F.col("entity").startswith("p_")).count() == 0
    assert lake.read(T.ACCESSES).where(~F.col("ip").startswith("p_")).count() == 0
    assert not any(re.search(r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b", page) for page in pages.values())
    truth = {(row["kind"], row["entity"]) for row in lake.read(T.CURRICULUM_TRUTH).collect()}
    alarms = lake.read(T.SUSPICIOUS_ACTIVITY).where("level = 'alarm'").collect()
    found = {row["entity"]: list(row["kinds"]) for row in alarms}
    for kind, name in (("scraper", "scraping"), ("sharer", "shared_account"), ("prober", "probing")):
        assert all(name in found.get(who, []) for what, who in truth if what == kind)
    raw = alarms[0]
    assert events.where(F.col("event_id").isin(*raw["event_ids"])).select("entity").distinct().count() == 1
    # The flat data set is whole, and filled.
    flat = spark.read.parquet(f"{tmp_path}/flat/parquet")
    assert (
        flat.count()
        == lake.read(T.ACCESSES).count()
        == spark.read.csv(f"{tmp_path}/flat/csv", header=True).count()
    )
    assert flat.where("class_start IS NULL OR cohort_id IS NULL").count() == 0
    assert "Data dictionary" in pages["dictionary_page"]
    for answer in lake.read(T.ANSWERS).collect():
        assert answer["title"] in pages["curriculum_page"]
        assert answer["answer"][:30].replace("'", "&#39;") in pages["letter_page"]
    files = tmp_path / "pages" / "csv"
    assert (files / "g-rare-pages.csv").read_text().startswith("raw_path,accesses")
    with (files / "d-suspicious-activity-rows.csv").open() as stream:
        shown = list(csv.DictReader(stream))
    assert {row["user"] for row in shown if row["level"] == "alarm"} == set(found)  # raw rows of every alarm
    assert all(row["at"] and row["raw_path"] and row["ip"].startswith("p_") for row in shown)
    # Sequences are of pages: no picture and no spelling of a page is an event of its own.
    assert events.where("event RLIKE '[.](jpe?g|svg|png)$|^[0-9]+-'").count() == 0
    assert lake.read(T.ACCESSES).where("raw_path RLIKE '[.](jpe?g|svg|png)$'").count() > 0
    _assert_nothing_changes(lake, conf)


def _assert_nothing_changes(lake, conf):
    before = (
        lake.read(T.SUSPICIOUS_ACTIVITY).toPandas().sort_values(["entity_kind", "entity"], ignore_index=True)
    )
    version = lake.version(T.ACCESSES)
    conf = Config.model_validate(conf.model_dump() | {"output": {}})
    pack.sessionize(lake, conf, run_id="r", run_date=NOW)
    pack.sessionize(lake, conf, run_id="r", run_date=NOW)
    assert lake.version(T.ACCESSES) == version + 2  # once for the other config, with the note of it
    after = (
        lake.read(T.SUSPICIOUS_ACTIVITY).toPandas().sort_values(["entity_kind", "entity"], ignore_index=True)
    )
    assert before["score"].equals(after["score"])


@pytest.mark.slow
def test_the_real_excerpt_runs_through_every_question(spark, tmp_path, data_dir):
    folder = data_dir / "codeup"
    conf = config(
        tmp_path / "lake",
        f"source.path={folder}/real_excerpt.txt",
        f"lookups.cohorts.path={folder}/cohorts.csv",
    )
    lake, counts, pages = answered(spark, conf, tmp_path / "pages")
    accesses = lake.read(T.ACCESSES)
    assert accesses.count() == 2832
    assert accesses.where("cohort_id IS NULL").count() == 35
    assert accesses.select("user").distinct().count() == 266  # as `cut -d" " -f4 | sort -u` counts them
    user = accesses.where("user = '341'").agg(F.count("*"), F.max("cohort"), F.count_distinct("day")).first()
    assert tuple(user) == (1180, "Zion", 133)
    assert accesses.where("phase = 'before'").count() == 0
    assert counts["lesson_activity"] > 100
    assert lake.read(T.ANSWERS).count() == 11
    assert "Zion" in pages["curriculum_page"]
    pytest.importorskip("playwright", reason="browser tests need playwright")
    from tests.system.browser import assert_fit_for_all, open_browser

    with open_browser() as browser:
        for path in sorted((tmp_path / "pages").glob("*.html")):
            assert_fit_for_all(browser, path)


def test_without_a_table_of_cohorts_it_says_so(spark, tmp_path):
    conf = config(tmp_path / "lake", "lookups={}")
    with pytest.raises(UsageError, match=r"config lookups.cohorts: missing"):
        pack.sessionize(Lake(spark, conf.lake), conf, run_id="r", run_date=NOW)
    (tmp_path / "c.csv").write_text("id,title\n1,x\n")
    conf = config(tmp_path / "lake", f"lookups.cohorts.path={tmp_path}/c.csv")
    with pytest.raises(InputRefused, match="no column name, start_date, end_date, program_id"):
        pack.sessionize(Lake(spark, conf.lake), conf, run_id="r", run_date=NOW)
