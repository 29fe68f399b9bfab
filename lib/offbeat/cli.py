"""`offbeat VERB`: the same verbs as jobs/, one for one. Arguments in, one step, exit status out."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import logging
from collections.abc import Callable, Sequence
from typing import Any

from offbeat import __version__, logs
from offbeat.errors import OffbeatError, UsageError

log = logging.getLogger("offbeat")

VERBS = {
    "run": "all steps: from files to anomalies, the figures and a page",
    "ingest": "take what is new at the sources into events and quarantine",
    "sessionize": "bring sessions up to the events",
    "train": "train a model on a sample of the sessions",
    "score": "score new and changed sessions, write the anomalies",
    "evaluate": "judge the model on sessions it has not seen",
    "report": "write the HTML page",
    "stream": "ingest, sessionize and score what comes, until it is stopped (SIGTERM)",
    "maintain": "compact and cluster the tables, remove old files",
    "generate": "make a pack's log with known faults",
    "serve": "answer in a web form and a JSON API, from the trained model",
    "init": "look at a log and propose a config",
    "check": "check a config and its source, show the first rows as they would be taken",
    "bench": "time ingest, sessionize, train and score beside what the cores, DuckDB and Polars can do",
    "label": "say of a session that it is a false alarm or a fault; like ones are muted",
    "status": "the health of the lake on one screen: lag, last runs, quarantine, drift, model, tables",
    "forget": "remove an entity from every table and its history, and keep it out",
    "promote": "make a model version champion",
    "rollback": "make the champion before this one champion again",
}
BENCH_ARGUMENTS = {
    "sizes": "numbers of events, with commas: 1m,10m,100m; default: 1m,10m",
    "parts": "what is timed, with commas; default: all",
    "repeats": "the best of so many counts; default: 2",
    "work": "folder that keeps logs and lakes for the next run; default: one that goes afterwards",
}
_EXAMPLE = "example: offbeat {verb} --config conf/tvm.yaml --lake /tmp/lake --set model.detector=gru"


def build_parser(verb: str | None = None) -> argparse.ArgumentParser:
    """The parser of the command line; with `verb`, of that one job."""
    if verb is not None:
        parser = argparse.ArgumentParser(
            prog=f"{verb}.py", description=VERBS[verb], epilog=_EXAMPLE.format(verb=verb)
        )
        _add_arguments(parser, verb)
        parser.set_defaults(verb=verb)
        return parser
    parser = argparse.ArgumentParser(
        prog="offbeat", description="Finds the sessions and events that are out of sequence."
    )
    parser.add_argument("--version", action="version", version=f"offbeat {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, text in VERBS.items():
        _add_arguments(
            verbs.add_parser(name, help=text, description=text, epilog=_EXAMPLE.format(verb=name)), name
        )
    return parser


def _add_arguments(parser: argparse.ArgumentParser, verb: str) -> None:
    if verb == "init":
        parser.add_argument("file", help="a csv, json or parquet log")
        parser.add_argument("--output", help="where the config goes; default: stdout")
    else:
        parser.add_argument("--config", required=verb != "generate", help="a YAML file; see conf/")
        parser.add_argument("--lake", help="folder, URL or catalog.schema in place of the config's")
        parser.add_argument(
            "--set", action="append", default=[], metavar="KEY=VALUE", help="override path.to.key=value"
        )
        parser.add_argument(
            "--run-date",
            type=_run_date,
            help="UTC instant that the run stands for; a date stands for its end; default: now",
        )
        parser.add_argument("--dry-run", action="store_true", help="print plan and targets, write nothing")
    if verb == "generate":
        parser.add_argument("pack", nargs="?", help="where --config is not given: conf/PACK.yaml (tvm, …)")
        parser.add_argument(
            "--fault-rate",
            metavar="KIND=SHARE,…",
            help="share of sessions with a fault, by kind (tvm: swap, drop, repeat, insert, delay); others have none",
        )
    if verb in ("run", "ingest"):
        parser.add_argument(
            "--from", dest="time_from", type=_instant, help="take events from this instant on"
        )
        parser.add_argument("--to", dest="time_to", type=_instant, help="take events before this instant")
        parser.add_argument(
            "--replay-quarantine", action="store_true", help="take mended quarantined rows again"
        )
    if verb == "run":
        parser.add_argument("--retrain", action="store_true", help="train also where there is a champion")
    if verb in ("run", "evaluate"):
        parser.add_argument(
            "--again", action="store_true", help="judge also where nothing is new since the last time"
        )
    if verb == "bench":
        for name, text in BENCH_ARGUMENTS.items():
            parser.add_argument(f"--{name}", help=text)
        parser.add_argument("--no-save", action="store_true", help="leave benchmarks/latest.json as it is")
    _add_own_arguments(parser, verb)
    parser.add_argument("--json", action="store_true", help="last line of stdout: one JSON object")
    parser.add_argument(
        "--log-format", choices=logs.FORMATS, help="of log lines; default: OFFBEAT_LOG_FORMAT, else text"
    )
    parser.add_argument("--verbose", action="store_true", help="more log lines, tracebacks")


def _add_own_arguments(parser: argparse.ArgumentParser, verb: str) -> None:
    if verb == "label":
        parser.add_argument("session", help="session_id, as in the table anomalies")
        parser.add_argument("word", choices=("false_alarm", "fault"), help="what it really is")
        parser.add_argument("--note", help="why, for those who read it later")
    if verb == "maintain":
        parser.add_argument(
            "--upgrade", action="store_true", help="bring tables of an earlier offbeat to this one's contract"
        )
    if verb == "forget":
        parser.add_argument(
            "--entity", required=True, help="as the table events has it, or before its pseudonym"
        )
    if verb == "train":
        parser.add_argument(
            "--tune",
            type=_count,
            metavar="N",
            help="try N settings first, on validation sessions alone, for model.tune.limit at most",
        )
    if verb == "promote":
        parser.add_argument("version", help="model version, a folder under models/NAME/")


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, got {text!r}")
    return int(text)


def _instant(text: str) -> dt.datetime:
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected a date like 2026-07-31 or 2026-07-31T12:00:00, got {text!r}"
        ) from None
    return (
        found.replace(tzinfo=dt.timezone.utc) if found.tzinfo is None else found.astimezone(dt.timezone.utc)
    )


def _run_date(text: str) -> dt.datetime:
    """An instant, or a date as the steps take it."""
    from offbeat.ingest.job import as_utc  # brings Spark along, which --help can do without

    try:
        return as_utc(dt.date.fromisoformat(text))
    except ValueError:
        return _instant(text)


def main(argv: Sequence[str] | None = None, *, verb: str | None = None) -> int:
    """Run one verb; gives its exit status."""
    args = build_parser(verb).parse_args(argv)
    try:
        logs.configure(verbose=args.verbose, form=args.log_format)
        summary = _dispatch(args)
    except OffbeatError as error:
        return _failed(error, args, error.exit_status)
    except KeyboardInterrupt:
        logs.tell("stopped; the same command goes on from here, nothing is taken twice")
        return 130
    except Exception as error:  # noqa: BLE001 - a bug is reported in one line, with its traceback on --verbose
        return _failed(error, args, 1)
    if args.json:
        print(json.dumps(summary, default=str, ensure_ascii=False))
    return 0


def _failed(error: Exception, args: argparse.Namespace, status: int) -> int:
    if args.verbose:
        log.error("traceback", exc_info=error)
    logs.tell(logs.error_line(error))
    return status


def _dispatch(args: argparse.Namespace) -> dict[str, Any]:
    if args.verb == "init":
        return _init(args)
    from offbeat import screen
    from offbeat.config import Config

    overrides = args.set + _fault_rates(getattr(args, "fault_rate", None))
    conf = Config.load(_config_path(args), overrides=overrides, lake=args.lake)
    if args.verb == "check":
        return _check(args, conf)
    if args.dry_run and args.verb != "forget":
        return screen.show_plan(args.verb, conf)
    if args.verb == "bench":
        return _bench(args)
    if args.verb == "serve":
        from offbeat.serving.run import serve

        return serve(conf)
    return _step(args, conf)


def _step(args: argparse.Namespace, conf: Any) -> dict[str, Any]:
    from offbeat import screen, steps

    context = steps.Context(
        conf,
        run_date=args.run_date or dt.datetime.now(dt.timezone.utc),
        verbose=args.verbose,
        options={
            name: getattr(args, name, None)
            for name in (
                "run_date",
                "time_from",
                "time_to",
                "replay_quarantine",
                "retrain",
                "again",
                "version",
                "session",
                "word",
                "note",
                "tune",
                "entity",
                "upgrade",
            )
        },
    )
    if args.verb == "status":
        return _status(context)
    if args.dry_run:
        return _would_forget(context)
    step: Callable[[steps.Context], dict[str, Any]] = getattr(steps, args.verb)
    summary = step(context)
    screen.show_summary(args.verb, context.lake, conf, summary)
    return summary


def _status(context: Any) -> dict[str, Any]:
    from offbeat.operations.shown import plain, show_status
    from offbeat.operations.status import gather
    from offbeat.packs import all_tables

    facts = gather(context.lake, context.conf, all_tables().values(), now=context.run_date)
    show_status(facts)
    return plain(facts)


def _would_forget(context: Any) -> dict[str, Any]:
    from offbeat import steps

    found = steps.would_forget(context)
    print(f"Would remove these rows from lake {context.lake.location}, and its history; nothing is written.")
    for name, rows in found["rows_of"].items():
        print(f"  {name}: {rows:,}")
    return found


def _config_path(args: argparse.Namespace) -> str:
    """The config that is meant: `offbeat generate tvm` means conf/tvm.yaml."""
    pack = getattr(args, "pack", None)
    if args.config is None and pack is None:
        raise UsageError("generate: say which log, as in `offbeat generate tvm`, or give --config")
    return str(args.config or f"conf/{pack}.yaml")


def _fault_rates(text: str | None) -> list[str]:
    """`swap=0.02,drop=0.03` as an override of the config; the pack checks kinds and shares."""
    if text is None:
        return []
    pairs = [pair.partition("=") for pair in text.split(",")]
    if not all(kind.strip() and equals and share.strip() for kind, equals, share in pairs):
        raise UsageError(f"--fault-rate {text}: expected KIND=SHARE,…, as in swap=0.02,drop=0.03")
    rates = ", ".join(f"{kind.strip()}: {share.strip()}" for kind, _, share in pairs)
    return [f"generate.settings.fault_rates={{{rates}}}"]


def _init(args: argparse.Namespace) -> dict[str, Any]:
    from pathlib import Path

    from offbeat.ingest.propose import propose

    text = propose(args.file)
    if args.output is None:
        print(text, end="" if text.endswith("\n") else "\n")
        return {"config": text}
    target = Path(args.output)
    if target.exists():
        raise UsageError(f"init: {target} is there already; give another --output")
    target.write_text(text, encoding="utf-8")
    print(f"Wrote {target}. Check it with: offbeat check --config {target}")
    return {"config": str(target)}


def _check(args: argparse.Namespace, conf: Any) -> dict[str, Any]:
    from offbeat import screen
    from offbeat.ingest.preview import preview
    from offbeat.spark import open_session

    run_date = args.run_date or dt.datetime.now(dt.timezone.utc)
    rows = preview(open_session("offbeat check", verbose=args.verbose), conf, run_date=run_date)
    screen.show_preview(conf, rows)
    return {"rows": rows}


def _bench(args: argparse.Namespace) -> dict[str, Any]:
    from offbeat.benching import run_benchmarks

    arguments = [f"--set={override}" for override in args.set]
    args.work = args.work or args.lake
    arguments += [f"--{name}={getattr(args, name)}" for name in BENCH_ARGUMENTS if getattr(args, name)]
    arguments += ["--no-save"] if args.no_save else []
    return run_benchmarks(args.config, arguments)


def cli() -> None:
    """Entry point; raises SystemExit for a failure alone, since some runtimes take SystemExit(0) for one."""
    code = main()
    if code:
        raise SystemExit(code)


def job(verb: str) -> None:
    """Entry point of jobs/VERB.py."""
    code = main(verb=verb)
    if code:
        raise SystemExit(code)
