"""The steps as one call each: what jobs and the command line run, with the table `runs` written around them."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from offbeat.config import Config
from offbeat.errors import OffbeatError, UsageError
from offbeat.operations.alerts import Alerting
from offbeat.recording import recorded, told_before
from offbeat.tables.lake import Lake

log = logging.getLogger(__name__)

Summary = dict[str, Any]


@dataclass
class Context:
    """What a step works with.

    Attributes:
        conf: the checked config.
        run_date: UTC instant that the run stands for; never read from the clock of a retry.
        options: further arguments of the command line (`retrain`, `replay_quarantine`, `time_from`, …).
    """

    conf: Config
    run_date: dt.datetime
    verbose: bool = False
    options: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def spark(self) -> SparkSession:
        """The Spark session, opened when a step first needs it."""
        from offbeat.ingest.sources import needed_jars
        from offbeat.spark import open_session

        log.info("opening Spark")
        extras = needed_jars(self.conf)
        return open_session(f"offbeat {self.conf.name}", verbose=self.verbose, extras=extras)

    @cached_property
    def lake(self) -> Lake:
        """The config's lake."""
        return Lake(self.spark, self.conf.lake, volume=self.conf.volume)

    @cached_property
    def alerting(self) -> Alerting:
        """Sends alerts to whom the config names."""
        return Alerting(self.conf, lambda: self.lake, self.run_date)


def _recorded(step: str, work: Callable[[Context, str], Summary]) -> Callable[[Context], Summary]:
    def run_step(context: Context) -> Summary:
        do = _step(context, step, work)
        with context.alerting.watching(step) as told:
            summary = recorded(context.lake, context.conf, step, do, run_date=context.run_date)
            told.append(summary)
        return summary

    run_step.__doc__ = work.__doc__
    return run_step


def _step(context: Context, step: str, work: Callable[[Context, str], Summary]) -> Callable[[str], Summary]:
    """The step as the pack does it, or as the house does."""
    from offbeat.packs import own_step

    own = own_step(context.conf, step)

    def do(run_id: str) -> Summary:
        known = _told_before(context) if step == "evaluate" and not context.options.get("again") else None
        if known is not None:
            log.info("evaluate: nothing new since %s; --again judges again", known["nothing_new_since"])
            return known
        if own is None:
            return work(context, run_id)
        return own(context.lake, context.conf, run_id=run_id, run_date=context.run_date)

    return do


def _told_before(context: Context) -> Summary | None:
    """What `evaluate` told last time, where nothing has changed that it goes by; its page has to be there, too."""
    from offbeat.packs import all_tables
    from offbeat.tables.contract import TRUTH
    from offbeat.tables.watching import FEEDBACK

    known = told_before(
        context.lake,
        context.conf,
        "evaluate",
        tables=all_tables(),
        inputs=(FEEDBACK, TRUTH),
        models=_registry(context).folder.parent,
    )
    return known if known is not None and Path(known.get("page", ".")).exists() else None


def _generate(context: Context, _run_id: str) -> Summary:
    """Make the pack's log with known faults, and the table `truth`."""
    from offbeat.packs import pack_of

    return pack_of(context.conf).generate(context.lake, context.conf)


def _ingest(context: Context, _run_id: str) -> Summary:
    """Take what is new at the sources into `events` and `quarantine`."""
    from offbeat.ingest.run import run
    from offbeat.packs import rewrite_of

    wanted = ("time_from", "time_to", "replay_quarantine")
    options = {name: context.options[name] for name in wanted if context.options.get(name)}
    options["rewrite"] = rewrite_of(context.lake, context.conf)
    return run(context.lake, context.conf, run_date=context.run_date, **options)


def _sessionize(context: Context, _run_id: str) -> Summary:
    """Bring `sessions` up to the events."""
    from offbeat.sessions.run import run

    return run(context.lake, context.conf, run_date=context.run_date)


def _train(context: Context, run_id: str) -> Summary:
    """Train a candidate on a sample; it becomes champion where it is not worse than the champion."""
    from offbeat.training.run import run

    summary = run(context.lake, context.conf, run_id=run_id, trials=context.options.get("tune") or 0)
    from offbeat.tracking.mlflow import log_training

    folder, versions = _registry(context).path(summary["model_version"]), context.lake.tables_read
    return summary | log_training(context.conf, folder, run_id=run_id, versions=versions, outcome=summary)


def _score(context: Context, run_id: str) -> Summary:
    """Score new and changed sessions, write anomalies, and what the pack makes of them."""
    from offbeat.packs import pack_of
    from offbeat.scoring.run import run

    summary = run(context.lake, context.conf, run_id=run_id, run_date=context.run_date)
    if context.conf.pack is not None:
        summary |= pack_of(context.conf).after_score(context.lake, context.conf, summary["model_version"])
    return summary


def _evaluate(context: Context, run_id: str) -> Summary:
    """Judge the champion on sessions it has not seen, beside the simple detectors."""
    from offbeat.evaluation import forecasts
    from offbeat.evaluation.run import run
    from offbeat.packs import pack_of
    from offbeat.scoring.feedback import figures, with_feedback

    lake, conf = context.lake, context.conf
    pack = pack_of(conf) if conf.pack is not None else None
    labels = with_feedback(lake, pack.labels(lake) if pack is not None else None)
    summary = run(lake, conf, run_id=run_id, labels=labels)
    version = summary["model_version"]
    summary |= forecasts.run(lake, conf, run_id=run_id, model_version=version, labels=labels)
    summary |= figures(lake, version)
    if pack is not None:
        summary |= pack.after_evaluate(lake, conf, version)
    return summary | _evaluation_page(context, run_id)


def _evaluation_page(context: Context, run_id: str) -> Summary:
    """Write the page of the evaluation; a cluster that has no use for pages may lack what makes them."""
    try:
        from offbeat.reports.run import write_evaluation_page

        page = write_evaluation_page(context.lake, context.conf, run_id=run_id)
    except ImportError as error:
        log.warning("no page of the evaluation: %s is not installed; install offbeat[reports]", error.name)
        return {}
    except UsageError as error:
        # The figures are in the tables: a page that can't be made takes nothing from them.
        log.warning("no page of the evaluation: %s", error)
        return {}
    return {"page": page} if page is not None else {}


def _label(context: Context, run_id: str) -> Summary:
    """Take a person's word on a session; anomalies like a false alarm are muted."""
    from offbeat.scoring.feedback import label

    session, word, note = (context.options.get(name) for name in ("session", "word", "note"))
    if not session or not word:
        raise UsageError(
            "label: say which session and what it is; `offbeat label --config … SESSION false_alarm`"
        )
    champion = _registry(context).champion()
    return label(
        context.lake, session, word, note=note, champion=champion, run_id=run_id, run_date=context.run_date
    )


def _report(context: Context, run_id: str) -> Summary:
    """Write the HTML page."""
    from offbeat.reports.run import run

    return run(context.lake, context.conf, run_id=run_id)


def _stream(context: Context, run_id: str) -> Summary:
    """Ingest, sessionize and score what comes, until the process is asked to stop."""
    from offbeat.ingest.run import run as ingest_run
    from offbeat.packs import rewrite_of
    from offbeat.stream import run, until_signalled

    lake, conf = context.lake, context.conf

    def take(run_date: dt.datetime, arrivals: list[int]) -> Summary:
        with lake.one_at_a_time("ingest"):
            rewrite = rewrite_of(lake, conf)
            return ingest_run(lake, conf, run_date=run_date, rewrite=rewrite, arrivals=arrivals)

    def follow() -> dict[str, Callable[[], Summary]]:
        return {step: partial(_one_of_many, context, step, run_id) for step in _steps_that_follow(context)}

    with until_signalled() as stop:
        return run(
            ingest=take,
            follow=follow,
            stop=stop,
            every_s=conf.stream.every,
            told=context.alerting.round,
            run_date=context.run_date if context.options.get("run_date") else None,
        )


def _steps_that_follow(context: Context) -> list[str]:
    """What a stream does with new events: without a model there is nothing to score with."""
    from offbeat.packs import own_step
    from offbeat.tables.contract import EVENTS

    if not context.lake.exists(EVENTS):
        return []
    if own_step(context.conf, "score") is None and _champion(context) is None:
        return ["sessionize"]
    return ["sessionize", "score"]


def _one_of_many(context: Context, step: str, run_id: str) -> Summary:
    """A step inside a stream, which writes one row of `runs` for all of them."""
    with context.lake.one_at_a_time(step):
        return _step(context, step, {"sessionize": _sessionize, "score": _score}[step])(run_id)


def _maintain(context: Context, _run_id: str) -> Summary:
    """Compact and cluster the tables, remove files that have been out of use for the time of retention."""
    from offbeat.packs import all_tables
    from offbeat.tables.upgrade import upgrade
    from offbeat.tables.upkeep import maintain

    if context.options.get("upgrade"):
        return upgrade(context.lake, all_tables().values())
    return maintain(context.lake, all_tables().values(), retention_s=context.conf.maintain.retention)


def _forget(context: Context, run_id: str) -> Summary:
    """Remove an entity from every table and from history, and keep it out."""
    from offbeat.operations.forget import run

    def catch_up(step: str) -> bool:
        try:
            if step in _steps_that_follow(context):
                _step(context, step, {"sessionize": _sessionize, "score": _score}[step])(run_id)
        except OffbeatError as error:
            if step == "sessionize":
                raise
            log.warning("forget: sessions were not scored: %s", error)
            return False
        return True

    return run(_forgetting(context), run_id=run_id, catch_up=catch_up)


def _forgetting(context: Context) -> Any:
    from offbeat.operations.forget import Forgetting
    from offbeat.operations.status import assert_there
    from offbeat.packs import all_tables

    entity = context.options.get("entity")
    if not entity:
        raise UsageError("forget: say whom; `offbeat forget --config … --entity ID`")
    assert_there(context.lake)
    tables = tuple(all_tables().values())
    return Forgetting(context.lake, context.conf, tables, entity, context.run_date)


def would_forget(context: Context) -> Summary:
    """How many rows of each table `forget` would remove; nothing is written."""
    from offbeat.operations.forget import count

    return {"rows_of": count(_forgetting(context))}


generate = _recorded("generate", _generate)
ingest = _recorded("ingest", _ingest)
sessionize = _recorded("sessionize", _sessionize)
train = _recorded("train", _train)
score = _recorded("score", _score)
evaluate = _recorded("evaluate", _evaluate)
report = _recorded("report", _report)
label = _recorded("label", _label)
stream = _recorded("stream", _stream)
maintain = _recorded("maintain", _maintain)
forget = _recorded("forget", _forget)


def run(context: Context) -> Summary:
    """All steps in order: from files to anomalies, the figures, and the page."""
    conf = context.conf
    summary: Summary = {}
    if _is_generated(conf):
        summary["generate"] = generate(context)
    summary["ingest"] = ingest(context)
    summary["sessionize"] = sessionize(context)
    if context.options.get("retrain") or _champion(context) is None:
        summary["train"] = train(context)
    summary["score"] = score(context)
    summary["evaluate"] = evaluate(context)
    summary["report"] = report(context)
    return summary


def promote(context: Context) -> Summary:
    """Make a version champion by hand."""
    version = context.options.get("version")
    if not version:
        raise UsageError("promote: say which version; `offbeat promote --config … VERSION`")
    _registry(context).promote(version, reason="by hand")
    return {"model_version": version}


def rollback(context: Context) -> Summary:
    """Make the champion before this one champion again."""
    return {"model_version": _registry(context).rollback()}


def _registry(context: Context) -> Any:
    from offbeat.training.registry import Registry

    return Registry(context.lake, context.conf.name, folder=context.conf.output.get("models"))


def _champion(context: Context) -> str | None:
    champion: str | None = _registry(context).champion()
    return champion


def _is_generated(conf: Config) -> bool:
    """Whether a source reads the log that the config makes; a config pointed at other data makes none."""
    path = conf.generate.path
    if path is None:
        return False
    folder = path.rstrip("/")
    return any(
        source.path is None or source.path == folder or source.path.startswith(f"{folder}/")
        for source in conf.source
    )
