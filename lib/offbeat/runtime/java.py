"""Where Java is: a version that Spark runs on, found wherever people and packages put it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from offbeat.errors import UsageError

VERSIONS = ("17", "21")
USUAL_FOLDERS = (
    "/usr/lib/jvm/*",
    "/usr/java/*",
    "/opt/java/*",
    "/opt/*jdk*",
    "/Library/Java/JavaVirtualMachines/*/Contents/Home",
    "/opt/homebrew/opt/openjdk@*",
    "/usr/local/opt/openjdk@*",
    "~/.sdkman/candidates/java/*",
    "~/.jdks/*",
)
# Spark 4.2 asks for this module: a Java cut down to less would pass a check of its version alone.
QUESTION = ("--add-modules", "jdk.incubator.vector", "-XshowSettings:properties", "-version")
NONE_FOUND = (
    "no Java 17 or 21 in JAVA_HOME, on PATH or in the usual folders: install one (Debian, Ubuntu:"
    " apt-get install openjdk-17-jre-headless; macOS: brew install openjdk@17) or set JAVA_HOME"
)


def find_java(environ: Mapping[str, str] | None = None) -> Path | None:
    """Find a Java that Spark runs on: version 17 or 21, with the vector module.

    Looks at JAVA_HOME, then PATH, then the usual folders, and asks each `java -version` until one fits.

    Args: environ: where JAVA_HOME and PATH are read; default the process's own.
    Returns: its home folder, as JAVA_HOME wants it, or None.
    """
    asked: set[Path] = set()
    for java in _candidates(os.environ if environ is None else environ):
        program = java.resolve()
        if program not in asked and os.access(program, os.X_OK):
            asked.add(program)
            home = _ask(java)
            if home is not None:
                return home
    return None


def ensure_java() -> Path:
    """Point JAVA_HOME of this process at a Java that Spark runs on.

    Returns: its home folder.  Raises: UsageError: there is none; the message says what to install.
    """
    home = find_java()
    if home is None:
        raise UsageError(NONE_FOUND)
    os.environ["JAVA_HOME"] = str(home)
    return home


def _candidates(environ: Mapping[str, str]) -> Iterator[Path]:
    if environ.get("JAVA_HOME"):
        yield Path(environ["JAVA_HOME"], "bin", "java")
    on_path = shutil.which("java", path=environ.get("PATH", os.defpath))
    if on_path:
        yield Path(on_path)
    for pattern in USUAL_FOLDERS:
        homes = Path("/").glob(str(Path(pattern).expanduser()).lstrip("/"))
        yield from (home / "bin" / "java" for home in sorted(homes, key=_likely_first))


def _likely_first(home: Path) -> tuple[bool, str]:
    """Sort a home with a fitting version in its name first: each question takes a tenth of a second."""
    return not any(version in home.name for version in VERSIONS), home.name


def _ask(java: Path) -> Path | None:
    """Return the home of `java` where it fits; a launcher (jenv, asdf) answers for the Java behind it."""
    try:
        done = subprocess.run([java, *QUESTION], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    answer = dict(
        re.findall(r"^ +(java\.home|java\.specification\.version) = (.+)$", done.stderr, re.MULTILINE)
    )
    fits = done.returncode == 0 and answer.get("java.specification.version") in VERSIONS
    return Path(answer["java.home"]) if fits and "java.home" in answer else None
