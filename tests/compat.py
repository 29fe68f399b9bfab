"""`make compat`: the small main job with each Spark and Delta that offbeat is meant for, in an environment of each.

`compat.py FOLDER [SPARK+DELTA…]` makes FOLDER/SPARK+DELTA where it is not there yet, with all other packages as
constraints.txt pins them, runs tests/system/test_small_job.py in it, and prints what passed.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAIRS = ("4.0.1+4.0.1", "4.1.1+4.1.0", "4.2.0+4.4.0")
# What a pair brings in its own versions.
OWN = re.compile(r"^(pyspark|delta[-_]spark|py4j)==", re.IGNORECASE)
EXTRAS = "local,reports,test"


def environment(folder: Path, pair: str) -> Path:
    """The Python of a pair's environment."""
    spark, delta = pair.split("+")
    python = folder / pair / "bin" / "python"
    ready = folder / pair / ".ready"
    if not ready.exists():
        folder.mkdir(parents=True, exist_ok=True)
        pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        others = folder / f"{pair}.txt"
        kept = [pin for pin in pins if not OWN.match(pin)]
        others.write_text("\n".join([*kept, f"pyspark=={spark}", f"delta-spark=={delta}"]) + "\n")
        subprocess.run([sys.executable, "-m", "venv", folder / pair], check=True)
        pip = [
            python,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--constraint",
            others,
        ]
        subprocess.run([*pip, "setuptools", "wheel"], check=True)
        subprocess.run([*pip, "--no-build-isolation", "--editable", f"{ROOT}[{EXTRAS}]"], check=True)
        ready.touch()
    return python


def passed(python: Path) -> bool:
    """Whether the small main job passes with it."""
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/system/test_small_job.py"]
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def main(folder: Path, pairs: list[str]) -> int:
    """Test each pair; 1 where one fails."""
    found = {}
    for pair in pairs:
        python, began = environment(folder, pair), time.monotonic()
        found[pair] = (passed(python), time.monotonic() - began)
    print("\n| pyspark | delta-spark | small main job | seconds |\n|---|---|---|---|")
    for pair, (good, seconds) in found.items():
        spark, delta = pair.split("+")
        print(f"| {spark} | {delta} | {'passed' if good else 'FAILED'} | {seconds:.0f} |")
    return 0 if all(good for good, _ in found.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]).resolve(), sys.argv[2:] or list(PAIRS)))
