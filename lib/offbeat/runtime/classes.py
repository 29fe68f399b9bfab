"""An archive of Java's classes as Spark and Delta use them: with it a session starts in two thirds of the CPU time.

Java finds, checks and links some twenty thousand classes at each start. Its class-data sharing (JDK 13 and later,
JEP 350) writes them to a file once, which later starts map into memory. Java itself leaves the file aside where it
doesn't fit: another Java, other JARs, a heap beyond 32 GiB.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

LIMIT_S = 600
_STEPS = ("generate", "ingest", "sessionize")
# The first steps of the main job, in small: what they need of Spark and Delta, every later start needs.
_CONFIG = """
name: classes
pack: tvm
lake: {folder}/lake
generate: {{path: {folder}/log, rows: 2000, plant: true}}
source:
  path: {folder}/log/events
  format: parquet
  columns: {{entity: device_id, time: event_time, event: event, event_id: event_id, covariates: [platform]}}
"""
# One process for all steps, which loads few classes twice; the first compiler alone, since it ends soon.
_TOUR = """
import sys
from offbeat.cli import main
sys.exit(any(main([step, "--config", sys.argv[1]]) for step in sys.argv[2:]))
"""
_OPTIONS = '-Xlog:disable -XX:TieredStopAtLevel=1 "-XX:ArchiveClassesAtExit={path}"'


def archive() -> Path:
    """Return where the archive of this environment lies: beside the JARs whose paths it holds."""
    return Path(sys.prefix, "share", "offbeat", "java-classes.jsa")


def options() -> str:
    """Return the options that let Java use the archive; empty where there is none."""
    path = archive()
    return (
        f'"-XX:SharedArchiveFile={path}" -Xshare:auto -Xlog:cds=off -Xlog:cds+dynamic=off'
        if path.exists()
        else ""
    )


def make_archive() -> bool:
    """Run a small job and keep the classes that it loaded; another archive goes.

    Returns: False where none came of it: everything works without, only slower.
    """
    path = archive()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".tour-") as scratch:
            fresh = Path(scratch, path.name)
            return _tour(Path(scratch), fresh) and bool(fresh.replace(path))
    except (OSError, subprocess.TimeoutExpired):
        return False


def _tour(folder: Path, fresh: Path) -> bool:
    config = folder / "tour.yaml"
    config.write_text(_CONFIG.format(folder=folder), encoding="utf-8")
    env = {**os.environ, "OFFBEAT_JAVA_OPTIONS": _OPTIONS.format(path=fresh)}
    env.pop("SPARK_REMOTE", None)
    command = [sys.executable, "-c", _TOUR, str(config), *_STEPS]
    # Java writes as it ends, later than the process that started it: it holds stderr open until then.
    done = subprocess.run(command, env=env, capture_output=True, timeout=LIMIT_S, check=False)
    return done.returncode == 0 and fresh.exists()
