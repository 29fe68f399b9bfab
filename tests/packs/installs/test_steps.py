"""The pack's steps on a small generated log, and files that are scored with its model."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import functions as F

from offbeat import steps
from offbeat.config import Config
from offbeat.errors import GuardFailed, InputRefused, UsageError
from offbeat.packs import all_tables
from offbeat.packs.installs.clicks import lake_clicks
from offbeat.packs.installs.features import FEATURES, FIELDS, NEAR, add_features
from offbeat.packs.installs.marketing import build_segments, top_segments, training_end
from offbeat.packs.installs.scoring import registry_of, score_batch
from offbeat.packs.installs.tables import (
    BOTS,
    INSTALL_CHARTS,
    INSTALL_SCORES,
    INSTALL_SEGMENTS,
    INSTALL_TRUTH,
    TABLES,
)
from offbeat.tables.contract import EVALUATIONS, EVENTS
from offbeat.tabular import SavedModel, load_model
from tests.packs.installs.test_features import clicks_of, random_clicks

pytestmark = [pytest.mark.spark, pytest.mark.slow]

RUN_DATE = dt.datetime(2025, 4, 1, tzinfo=dt.timezone.utc)
CONFIG = Path(__file__).parents[3] / "conf" / "installs.yaml"


def config(folder: Path, *more: str) -> Config:
    return Config.load(
        CONFIG,
        lake=f"{folder}/lake",
        overrides=[
            f"generate.path={folder}/log", f"source.path={folder}/log/clicks", "generate.rows=8000",
            "generate.settings={install_rate: 0.03, days: 2}", "model.detector=length",
            "tabular.models=[logistic_baseline, forest_study]", "tabular.networks=[]",
            "evaluate.detectors=[new_event]", "evaluate.resamples=100", *more,
        ],
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("installs")


@pytest.fixture(scope="module")
def context(spark, folder) -> steps.Context:
    return steps.Context(config(folder), run_date=RUN_DATE)


@pytest.fixture(scope="module")
def summary(context) -> dict:
    """What a whole run gave, once."""
    return steps.run(context)


def score(folder: Path, path: Path, *more: str) -> dict:
    conf = config(folder, f"source.path={path}", f"output.csv={folder}/out.csv", *more)
    return steps.score(steps.Context(conf, run_date=RUN_DATE))


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open() as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def later(folder, summary) -> Path:
    """A file as one would score it: no label, a day after the log, some of its visitors and a new one."""
    log = pd.concat([pd.read_csv(part) for part in sorted((folder / "log" / "clicks").glob("*.gz"))])
    some = log.sample(200, random_state=0).drop(columns=["attributed_time", "is_attributed"])
    some["click_time"] = (pd.to_datetime(some["click_time"]) + pd.Timedelta(days=2)).astype(str)
    new = some.tail(1).assign(ip=999_999_999, os=59)
    path = folder / "test_data.csv"
    pd.concat([some, new, new]).to_csv(path, index=False)
    return path


def test_a_run_writes_every_table_and_the_page(context, summary, folder):
    lake = context.lake
    version = summary["score"]["install_model"]
    scores = lake.read(INSTALL_SCORES).toPandas()
    assert len(scores) == lake_clicks(lake, context.conf).count()
    assert scores["click_id"].is_unique
    assert set(scores["model_version"]) == {version}
    installs = scores["installed"].sum()
    assert 0.5 * installs < scores["install_prob"].sum() < 2 * installs
    assert installs == pytest.approx(lake.read(INSTALL_TRUTH).agg(F.sum("installs")).first()[0], abs=2)
    segments = lake.read(INSTALL_SEGMENTS).toPandas()
    assert segments["clicks"].sum() == len(scores)
    assert segments["expected_installs"].sum() == pytest.approx(scores["install_prob"].sum())
    assert (
        (segments["low"] <= segments["expected_installs"])
        & (segments["expected_installs"] <= segments["high"])
    ).all()
    assert segments["farm_share"].between(0, 1).all()
    html = Path(summary["report"]["page"]).read_text(encoding="utf-8")
    assert "Confusion matrix: random forest of the study" in html
    index = (folder / "lake" / "pages" / "installs" / "index.html").read_text(encoding="utf-8")
    for link in ("installs.html", "exploration.html"):
        assert f'href="{link}"' in index
    assert set(all_tables()) >= {table.name for table in TABLES}


def test_evaluation_is_honest_with_intervals_and_the_leak_beside(context, summary):
    version = summary["score"]["install_model"]
    rows = context.lake.read(EVALUATIONS).where(F.col("model_version") == version).toPandas()
    by = rows[rows["subset"] == "all"].set_index(["detector", "metric"])
    for name in ("logistic_baseline", "forest_study"):
        one = by.loc[(name, "roc_auc")]
        assert 0.55 < one["value"] < 0.99
        assert one["low"] < one["value"] < one["high"]
        assert by.loc[(name, "brier")]["value"] < 0.06
    assert by.loc[("leaky_attributed_time", "roc_auc")]["value"] == pytest.approx(1.0)
    assert by.loc[("leaky_attributed_time", "roc_auc")]["basis"] == "leaky"
    assert summary["evaluate"]["judged_clicks"] == pytest.approx(0.2 * summary["ingest"]["events"], rel=0.01)
    visitors = rows[rows["subset"] == "visitors"].set_index("metric")
    assert 0.55 < visitors.loc["roc_auc", "value"] < 0.99
    expected, found = (summary["evaluate"][f"visitors_{name}"] for name in ("expected", "installed"))
    assert 0.5 * found < expected < 2 * found
    charts = context.lake.read(INSTALL_CHARTS).toPandas()
    assert {"reliability", "gain", "lift", "confusion", "importance", "history"} <= set(charts["picture"])


def test_farms_are_among_the_bots(context, summary):
    bots = context.lake.read(BOTS).toPandas().set_index("entity")
    truth = context.lake.read(INSTALL_TRUTH).toPandas().set_index("ip")
    farms = bots[bots["is_farm"]].join(truth["kind"])
    assert len(farms)
    assert (farms["kind"] == "farm").mean() > 0.6
    assert len(farms) >= 0.3 * ((truth["kind"] == "farm") & (truth["clicks"] >= 20)).sum()


def test_spark_gives_the_features_and_probabilities_that_numpy_gives(context, summary, spark):
    frame = random_clicks(200, 3)
    table = clicks_of(frame)
    pandas = frame.astype(dict.fromkeys(FIELDS, str))[list(FIELDS)]
    pandas["click_time"] = pd.to_datetime(frame["time"], unit="us", utc=True)
    pandas["row"] = np.arange(len(frame))
    clicks = spark.createDataFrame(pandas).repartition(3)
    until = pandas["click_time"].quantile(0.6).ceil("s")
    whole = add_features(clicks).toPandas().sort_values("row")
    early = add_features(clicks.where(F.col("click_time") < F.lit(until))).toPandas().sort_values("row")
    # Days that come later change no earlier feature, those of apps and channels included.
    kept = whole[whole["row"].isin(early["row"])]
    pd.testing.assert_frame_equal(early.reset_index(drop=True), kept.reset_index(drop=True))
    from offbeat.packs.installs.features import near_features

    for name, values in near_features(table).items():
        np.testing.assert_array_equal(whole[name].to_numpy(float), values, err_msg=name)
    saved = load_model(registry_of(context.lake, context.conf).path(summary["score"]["install_model"]))
    log = lake_clicks(context.lake, context.conf)
    arrow = add_features(log).orderBy("click_id").limit(300).toArrow().combine_chunks()
    given = score_batch(arrow.to_batches()[0], saved)
    ids = arrow["click_id"].to_pylist()
    found = (
        context.lake.read(INSTALL_SCORES).where(F.col("click_id").isin(ids)).orderBy("click_id").toPandas()
    )
    np.testing.assert_array_equal(found["install_prob"], given)
    assert set(NEAR) <= set(FEATURES)


def test_a_new_file_gives_a_csv_per_visitor_and_leaves_the_log_alone(context, summary, folder, later):
    before = context.lake.read(EVENTS).count()
    made = score(folder, later)
    rows = rows_of(folder / "out.csv")
    frame = pd.read_csv(later)
    visitors = frame.groupby(["ip", "device", "os"]).ngroups
    assert (len(rows), made["csv_rows"], made["clicks_in"], made["clicks_refused"]) == (
        visitors,
        visitors,
        202,
        0,
    )
    assert list(rows[0]) == ["id", "install_prob"]
    assert all(0 < float(row["install_prob"]) < 1 for row in rows)
    device = frame["device"].iloc[-1]
    # Its one click stands twice in the file, and counts once.
    given = {row["id"]: float(row["install_prob"]) for row in rows}
    click = context.lake.read(INSTALL_SCORES).where("ip = '999999999'").collect()
    assert given[f"999999999|{device}|59"] == pytest.approx(click[0]["install_prob"])
    assert context.lake.read(EVENTS).count() == before
    # The same file again: nothing is scored twice, the csv is the same.
    text = (folder / "out.csv").read_text()
    assert score(folder, later)["scored_clicks"] == 0
    assert (folder / "out.csv").read_text() == text


def test_per_row_and_other_ids(context, summary, folder, later):
    score(folder, later, "output.per=row", "output.id=[ip, app]")
    rows, frame = rows_of(folder / "out.csv"), pd.read_csv(later)
    assert [row["id"] for row in rows] == [
        f"{ip}|{app}" for ip, app in zip(frame["ip"], frame["app"], strict=True)
    ]
    own = folder / "own.csv"
    numbered = frame.assign(click_id=np.arange(len(frame)))
    pd.concat([numbered, numbered.head(1).assign(click_time="soon")]).to_csv(own, index=False)
    assert score(folder, own, "output.per=row", "output.id=click_id")["clicks_refused"] == 1
    assert [row["id"] for row in rows_of(folder / "out.csv")] == [str(i) for i in range(len(frame))]


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda f: f.drop(columns="app"), "no column app"),
        (lambda f: f.rename(columns={"app": "apps"}), r"no column app; did you mean apps\?"),
        (lambda f: f.assign(bid=1), "column bid was not in the training data"),
        (
            lambda f: f.assign(device="phone"),
            "column device is no whole number in 202 of 202 rows, like 'phone'",
        ),
        (lambda f: f.assign(click_time="soon"), "unparsable_time"),
        (lambda f: f.head(0), "no rows in it"),
    ],
    ids=["missing", "renamed", "extra", "retyped", "times", "empty"],
)
def test_a_file_with_other_columns_is_refused_in_one_line(context, summary, folder, later, change, said):
    path = folder / "wrong.csv"
    change(pd.read_csv(later)).to_csv(path, index=False)
    with pytest.raises(InputRefused, match=said) as refused:
        score(folder, path)
    assert "\n" not in str(refused.value)
    assert refused.value.exit_status == 3


def test_segments_compare_what_is_expected_with_what_the_log_says_where_it_does(spark):
    def click(hour: int, given: float, installed: int | None):
        return (
            "v",
            "1.1.1.1",
            "3",
            "7",
            dt.datetime(2025, 3, 3, hour, 5, tzinfo=dt.timezone.utc),
            given,
            installed,
        )

    rows = (
        [click(1, 0.5, 1)] * 2 + [click(9, 0.25, 0)] * 40 + [click(20, 0.1, None), *[click(20, 0.1, 0)] * 39]
    )
    names = "model_version string, ip string, app string, channel string, click_time timestamp, install_prob double"
    frame = spark.createDataFrame(rows, f"{names}, installed int")
    cells = build_segments(frame, None)
    found = {row["hour"].hour: row["installs"] for row in cells.select(F.col("hour"), "installs").collect()}
    assert sorted(found.items(), key=str) == [(1, 2), (20, None), (9, 0)]  # a click of 20:00 has no label
    best = top_segments(cells)[0]
    assert best["best_hour"] == 9  # two clicks at 01:00 are a guess
    assert (best["installs"], best["expected_of_known"]) == (2, pytest.approx(11.0))
    # Training ended at 01:30: of the hour in which it did, the model saw some clicks.
    end = dt.datetime(2025, 3, 3, 1, 30, tzinfo=dt.timezone.utc)
    saved = SavedModel("v", None, (), {"split": {"train_until": int(end.timestamp()) * 1_000_000}}, {})
    assert top_segments(cells.where(F.col("hour") >= training_end(saved)))[0]["clicks"] == 80


def test_the_guard_refuses_what_is_known_only_after_the_outcome(context, summary, folder):
    conf = config(folder, "tabular.features=attributed_time")
    with pytest.raises(GuardFailed, match=r"attributed_time \(known at the install\)") as failed:
        steps.train(steps.Context(conf, run_date=RUN_DATE))
    assert failed.value.exit_status == 4


def test_what_a_config_lacks_is_said(context, summary, folder, later):
    conf = config(folder, "source.columns.covariates=[ip, app]")
    with pytest.raises(UsageError, match="needs device, os, channel there"):
        lake_clicks(context.lake, conf)
    with pytest.raises(UsageError, match="no model of installs yet"):
        steps.score(steps.Context(config(folder / "else", f"source.path={later}"), run_date=RUN_DATE))
