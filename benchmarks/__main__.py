"""`python -m benchmarks`: measure, compare with what is stored, store, and write the page; one part at a time."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.figures import derive, show
from benchmarks.page import write_page

ROOT = Path(__file__).resolve().parents[1]
LATEST = ROOT / "benchmarks" / "latest.json"
SIZES = {"tiny": 20_000, "1m": 1_000_000, "10m": 10_000_000, "100m": 100_000_000}
PARTS = ("ingest", "sessionize", "skewed", "train", "score", "shared", "drafts", "networks", "full")
ONCE = ("drafts", "networks", "train")  # on one size only: they measure rates of things that don't scale
AT = "1m"


def main() -> int:
    """Run what the command line asks for; 0 where all of it ran."""
    args = _arguments()
    work = Path(args.work or tempfile.mkdtemp(prefix="offbeat-bench-"))
    stored = json.loads(LATEST.read_text()) if LATEST.exists() else {}
    latest = json.loads(json.dumps(stored))
    failed = False
    for size in args.sizes:
        for part in args.parts:
            if part in ONCE and size != args.sizes[0]:
                continue
            print(f"{size} {part} …", file=sys.stderr, flush=True)
            found = _run_part(part, size, work / size, args)
            if found is None:
                failed = True
                continue
            latest.setdefault(size, {}).update(found, measured=_today(), commit=_commit())
            derive(latest, size)
            show(size, found, latest[size], stored.get(size, {}))
            if args.save:
                latest["machine"] = _machine()
                LATEST.write_text(json.dumps(latest, indent=1, sort_keys=True) + "\n", encoding="utf-8")
                write_page(latest, ROOT / "docs" / "scale.md")
    if not args.work:
        shutil.rmtree(work)
    return int(failed)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--config", default="conf/tvm.yaml")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--sizes", type=_names(SIZES), default=["1m", "10m"], help=", ".join(SIZES))
    parser.add_argument("--parts", type=_names(PARTS), default=list(PARTS), help=", ".join(PARTS))
    parser.add_argument("--repeats", type=int, default=2, help="the best of so many counts")
    parser.add_argument("--work", help="folder that keeps logs and lakes for the next run")
    parser.add_argument("--no-save", dest="save", action="store_false", help="leave latest.json as it is")
    return parser.parse_args()


def _names(known: Any) -> Any:
    def names(text: str) -> list[str]:
        found = [name for name in text.split(",") if name]
        unknown = [name for name in found if name not in known]
        if unknown or not found:
            raise argparse.ArgumentTypeError(f"expected some of {', '.join(known)}; got {text!r}")
        return found

    return names


def _run_part(part: str, size: str, folder: Path, args: argparse.Namespace) -> dict[str, Any] | None:
    """The figures of a part, from a process of its own; None where it failed."""
    folder.mkdir(parents=True, exist_ok=True)
    work = {
        "folder": str(folder),
        "rows": SIZES[size],
        "config": args.config,
        "overrides": args.set,
        "repeats": args.repeats,
    }
    path = folder / "work.json"
    path.write_text(json.dumps(work))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-m", "benchmarks.part", part, str(path)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment, check=False)
    if done.returncode:
        print(f"bench: {part} at {size} failed with status {done.returncode}", file=sys.stderr)
        return None
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _today() -> str:
    return dt.datetime.now(dt.timezone.utc).date().isoformat()


def _commit() -> str:
    """The commit that was measured, with a + where the code has changes that it lacks."""
    try:
        found, changed = _git("rev-parse", "--short", "HEAD"), _git("status", "--porcelain", "lib", "jobs")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found + ("+" if changed else "")


def _git(*arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, check=True).stdout.strip()


def _machine() -> dict[str, Any]:
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cores": len(os.sched_getaffinity(0)),
        "cpu": names[0].partition(":")[2].strip() if names else platform.machine(),
        "memory_gib": round(memory),
        "python": platform.python_version(),
    }


if __name__ == "__main__":
    sys.exit(main())
