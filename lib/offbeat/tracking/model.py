"""The model as MLflow serves it: sessions in, scores out. MLflow runs this file; the model itself holds no code."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

from offbeat.detectors.encoding import encode_sessions
from offbeat.training.artifact import load_artifact


class OffbeatModel(PythonModel):  # type: ignore[misc] # MLflow may be absent: then it is Any
    """Scores whole sessions; higher is stranger."""

    def load_context(self, context: Any) -> None:
        """Open the saved model, after checking all of it."""
        self._model = load_artifact(context.artifacts["model"])

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:  # noqa: ARG002
        """Score the column `events`: a list of event names per session, from its first event to its last."""
        events = [list(map(str, names)) for names in model_input["events"]]
        batch = pa.record_batch(
            {
                "session_id": pa.array(map(str, range(len(events)))),
                "state": pa.array(["closed"] * len(events)),
                "continues": pa.array([False] * len(events)),
                "events": pa.array(events, pa.list_(pa.string())),
                "times": pa.array(
                    [[None] * len(names) for names in events], pa.list_(pa.timestamp("us", tz="UTC"))
                ),
            }
        )
        scores = self._model.detector.score(encode_sessions(batch, self._model.vocabulary, ()))
        return pd.DataFrame({"score": np.asarray(scores, np.float32)})


set_model(OffbeatModel())
