"""`python -m benchmarks.seeds`: the main job's figures on fresh seeds, LSTM and GRU; mean and worst of each.

A seed is a log of its own. Its faults are known to `evaluate` alone; thresholds come from validation sessions.
Each seed's lake goes when its figures are read. Written as JSON lines, so that a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import deltalake
import pandas as pd

DETECTORS = ("lstm", "gru")
FIGURES = ("balanced_accuracy", "accuracy", "precision", "recall", "f1", "pr_auc", "roc_auc")
Row = dict[str, Any]


def main() -> int:
    """Run the seeds that are not in the file yet, and print what all of them gave."""
    parser = argparse.ArgumentParser(prog="benchmarks.seeds", description=__doc__)
    parser.add_argument("--config", default="conf/tvm.yaml")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--work", type=Path, required=True, help="folder for lakes and seeds.jsonl")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    kept = args.work / "seeds.jsonl"
    rows = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    for seed in args.seeds:
        if any(row["seed"] == seed for row in rows):
            continue
        found = _seed(seed, args)
        with kept.open("a") as file:
            file.writelines(json.dumps(row) + "\n" for row in found)
        rows += found
    print(summary(rows).to_string(float_format="{:.4f}".format))
    return 0


def summary(rows: list[Row]) -> pd.DataFrame:
    """Mean and worst of each figure over the seeds, by detector; of errors and of simple detectors the largest."""
    table = pd.DataFrame(rows).drop(columns="seed")
    worst = table.groupby("detector").min()
    largest = [name for name in worst if name.startswith(("minutes", "simple"))]
    worst[largest] = table.groupby("detector")[largest].max()
    return pd.concat({"mean": table.groupby("detector").mean(), "worst": worst}).swaplevel().sort_index().T


def _seed(seed: int, args: argparse.Namespace) -> list[Row]:
    folder = args.work / f"seed-{seed}"
    lake = folder / "lake"
    own = [
        f"lake={lake}",
        f"generate.path={folder}/log",
        f"source.path={folder}/log/events",
        f"generate.seed={seed}",
        *args.set,
    ]
    for step in ("generate", "ingest", "sessionize"):
        _offbeat(step, args.config, own)
    rows = []
    for detector in DETECTORS:
        # A name of its own gives each network a champion of its own.
        settings = [*own, f"model.detector={detector}", f"model.seed={seed}", f"name={detector}"]
        for step in ("train", "score", "evaluate"):
            _offbeat(step, args.config, settings)
        rows.append({"seed": seed, "detector": detector, **_figures(lake, detector), **_minutes(lake)})
        print(rows[-1], flush=True)
    shutil.rmtree(folder)
    return rows


def _offbeat(step: str, config: str, settings: list[str]) -> None:
    command = [sys.executable, "-m", "offbeat", step, "--config", config]
    command += [word for setting in settings for word in ("--set", setting)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _figures(lake: Path, detector: str) -> Row:
    """The network's figures on unseen sessions, and the best simple detector's PR-AUC beside them."""
    table = deltalake.DeltaTable(str(lake / "evaluations")).to_pyarrow_table().to_pandas()
    chosen = table[
        (table["split"] == "test")
        & (table["subset"] == "all")
        & (table["verdict_rule"] == "flagged")
        & (table["basis"] == "honest")
        & table["model_version"].str.startswith(detector)
    ]
    by_name = chosen.pivot_table(index="detector", columns="metric", values="value")
    simple = by_name.drop(index=detector)
    figures = {name: float(by_name.loc[detector, name]) for name in FIGURES}
    return figures | {
        f"simple_{name}": float(simple[name].max()) for name in ("balanced_accuracy", "f1", "pr_auc")
    }


def _minutes(lake: Path) -> Row:
    """How far the report is off for the partner where it is off most: whole, and without flagged sessions."""
    table = deltalake.DeltaTable(str(lake / "minutes_viewed")).to_pyarrow_table().to_pandas()
    sums = table.groupby("partner").sum(numeric_only=True)
    pairs = {
        "minutes_off": ("minutes_reported", "minutes_true"),
        "minutes_off_unflagged": ("minutes_unflagged", "minutes_true_unflagged"),
    }
    return {name: float((sums[a] / sums[b] - 1).abs().max()) for name, (a, b) in pairs.items()}


if __name__ == "__main__":
    sys.exit(main())
