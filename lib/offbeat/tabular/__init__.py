"""Models of a table: a row of numbers in, the probability of a yes out. Arrays in and out, no Spark.

scikit-learn fits them; what is kept of a model is arrays of our own, so that a saved model runs no code when it is
opened, and NumPy alone gives the same numbers on the driver, in Spark's workers and in a test.

- `fit(name, features, labels, …)` gives a `Model`; `MODELS` names them all.
- `calibrate(model, features, labels)` gives a model whose probabilities are ones.
- `save_model`, `load_model`, `pack_model`, `load_packed`: a folder with a manifest, or its bytes.
"""

from offbeat.tabular.base import Model
from offbeat.tabular.calibration import Calibrated, calibrate
from offbeat.tabular.fit import MODELS, fit
from offbeat.tabular.saved import SavedModel, load_model, load_packed, pack_model, save_model

__all__ = [
    "MODELS",
    "Calibrated",
    "Model",
    "SavedModel",
    "calibrate",
    "fit",
    "load_model",
    "load_packed",
    "pack_model",
    "save_model",
]
