"""The steps of `make setup`: `python -m offbeat.runtime venv FOLDER`, and later `… setup`."""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from offbeat.errors import OffbeatError, UsageError
from offbeat.runtime.classes import make_archive
from offbeat.runtime.jars import POSTGRESQL, copy_from_ivy, delta_jars, extra_jars
from offbeat.runtime.java import ensure_java, find_java

LOCK = "requirements.lock"
JAVA_PACKAGES = ("openjdk-17-jre-headless", "openjdk-21-jre-headless")
# The Pythons that constraints.txt has wheels for; setup.py says what offbeat itself runs on.
OLDEST, NEWEST = (3, 11), (3, 13)


def make_environment(folder: Path) -> None:
    """Make a virtual environment at `folder`, unless one that works is there.

    Raises: UsageError: this Python is none that packages are pinned for, or lacks what makes environments.
    """
    version = ".".join(map(str, sys.version_info[:2]))
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        raise UsageError(
            f"no packages are pinned for Python {version}: make setup PYTHON=python3.12 (3.11 to 3.13)"
        )
    if _has_pip(folder / "bin" / "python"):
        return
    package = f"python{version}-venv"
    if not importlib.util.find_spec("ensurepip") and not install(package):
        raise UsageError(f"this Python can't make environments: apt-get install {package}, and try again")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)


def _has_pip(python: Path) -> bool:
    return (
        python.exists()
        and subprocess.run([python, "-m", "pip", "-V"], capture_output=True, check=False).returncode == 0
    )


def set_up() -> None:
    """Find Java, or install it where this is root on Debian or Ubuntu; fetch the JARs, archive Java's classes."""
    if find_java() is None:
        install(*JAVA_PACKAGES)
    print(f"Java: {ensure_java()}")
    for jar in delta_jars():
        print(f"Delta: {jar}")
    try:
        for jar in extra_jars(POSTGRESQL):
            print(f"PostgreSQL: {jar}")
    except OffbeatError as error:  # needed only where a source is one
        print(f"PostgreSQL: {error}")
    print("Java's classes: a small job is run, so that later ones start faster …", flush=True)
    if not make_archive():
        print("Java's classes: no archive came of it; jobs start without")


def install(*packages: str) -> bool:
    """Install the first of `packages` that can be had.

    Returns: False where none can, or where this isn't root on Debian or Ubuntu.
    """
    apt = shutil.which("apt-get")
    if os.geteuid() != 0 or apt is None:
        return False
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run([apt, "update", "-q"], env=env, stdout=sys.stderr, check=False)
    command = [apt, "install", "-y", "-q", "--no-install-recommends"]
    return any(
        subprocess.run([*command, package], env=env, stdout=sys.stderr, check=False).returncode == 0
        for package in packages
    )


def _write_bill(folder: Path) -> None:
    """Write what the wheel needs beside it; here alone the pinned packages are there that this is read from."""
    from offbeat.runtime.sbom import write_bill

    write_bill(folder, Path(LOCK))


def _write_lock(report: Path) -> None:
    from offbeat.runtime.sbom import lock_of

    Path(LOCK).write_text(lock_of(report), encoding="utf-8")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one step; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m offbeat.runtime", description="steps of `make setup`")
    steps = parser.add_subparsers(dest="step", required=True)
    steps.add_parser("venv", help="make a virtual environment").add_argument("folder", type=Path)
    steps.add_parser("setup", help="find or install Java, fill the cache of JARs, archive Java's classes")
    bill = steps.add_parser("bill", help="write an SBOM and hashes beside the wheel")
    bill.add_argument("folder", type=Path, help="dist/")
    lock = steps.add_parser("lock", help="write the lock from pip's installation report")
    lock.add_argument("report", type=Path)
    fetch = steps.add_parser("fetch", help="copy the JARs of an artifact of Delta's into a folder")
    fetch.add_argument("coordinate")
    fetch.add_argument("folder", type=Path)
    args = parser.parse_args(argv)
    do: dict[str, Callable[[], None]] = {
        "venv": lambda: make_environment(args.folder),
        "setup": set_up,
        "bill": lambda: _write_bill(args.folder),
        "lock": lambda: _write_lock(args.report),
        "fetch": lambda: copy_from_ivy(args.coordinate, args.folder),
    }
    try:
        do[args.step]()
    except OffbeatError as error:
        print(f"offbeat: {error}", file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
