"""One run of MLflow per training: params, metrics, the model with its signature, and the versions it rests on."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from offbeat.config import Config
from offbeat.errors import UsageError

log = logging.getLogger(__name__)

_CODE = Path(__file__).with_name("model.py")
_LONGEST = 500  # of a param's value; older servers refuse longer ones


def log_training(
    conf: Config, folder: Path, *, run_id: str, versions: Mapping[str, int], outcome: Mapping[str, Any]
) -> dict[str, str]:
    """Tell MLflow of a model that was trained; nothing where the config names no experiment.

    Args:
        folder: of the saved model.
        run_id: of the step, as in the table runs.
        versions: Delta version of each table that it was trained on.
        outcome: what the step says of it: counts and figures.

    Returns:
        `mlflow_run`, and `mlflow_version` where it was registered.

    Raises:
        UsageError: an experiment is named, and MLflow is not installed.
    """
    if conf.mlflow.experiment is None:
        return {}
    mlflow = _mlflow()
    if conf.mlflow.uri is not None:
        mlflow.set_tracking_uri(conf.mlflow.uri)
    mlflow.set_experiment(conf.mlflow.experiment)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    with mlflow.start_run(run_name=folder.name) as run:
        mlflow.log_params({name: str(value)[:_LONGEST] for name, value in _params(conf, manifest)})
        mlflow.log_metrics(_metrics(folder, outcome))
        mlflow.set_tags(_tags(conf, manifest, run_id, versions))
        mlflow.log_dict({"run_id": run_id, "lake": conf.lake, "tables": dict(versions)}, "lineage.json")
        logged = mlflow.pyfunc.log_model(
            name="model",
            python_model=str(_CODE),
            artifacts={"model": str(folder)},
            signature=_signature(mlflow),
            pip_requirements=[f"offbeat=={manifest['versions']['offbeat']}"],
            registered_model_name=conf.mlflow.register_as,
        )
    said = {"mlflow_run": str(run.info.run_id)}
    version = getattr(logged, "registered_model_version", None)
    return said if version is None else said | {"mlflow_version": str(version)}


def _mlflow() -> Any:
    try:
        import_module("mlflow.pyfunc")
        return import_module("mlflow")
    except ImportError as error:
        raise UsageError(
            f"mlflow.experiment is set, but {error.name} is not installed: pip install mlflow-skinny"
        ) from None


def _params(conf: Config, manifest: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "detector", manifest["detector"]
    yield "seed", manifest["seed"]
    yield "config_hash", conf.hash
    yield "alert_budget", conf.score.alert_budget
    yield "gap_s", conf.sessions.gap
    yield "vocabulary", manifest["vocabulary"]
    for name, value in manifest["settings"].items():
        yield f"settings.{name}", value


def _metrics(folder: Path, outcome: Mapping[str, Any]) -> dict[str, float]:
    saved = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    found = {**outcome, **saved}
    return {
        name: float(value)
        for name, value in found.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _tags(
    conf: Config, manifest: Mapping[str, Any], run_id: str, versions: Mapping[str, int]
) -> dict[str, str]:
    tables = {f"offbeat.table.{name}": str(version) for name, version in versions.items()}
    return tables | {
        "offbeat.run_id": run_id,
        "offbeat.model_version": manifest["version"],
        "offbeat.config": conf.name,
        "offbeat.lake": conf.lake,
    }


def _signature(mlflow: Any) -> Any:
    types = import_module("mlflow.types.schema")
    texts = types.Array(types.DataType.string)
    return mlflow.models.ModelSignature(
        inputs=types.Schema([types.ColSpec(texts, "events")]),
        outputs=types.Schema([types.ColSpec(types.DataType.float, "score")]),
    )
