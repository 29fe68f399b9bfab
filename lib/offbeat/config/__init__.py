"""The one model of a config file: what each key means, its default, and the errors that name the right key.

`Config.load` reads YAML, puts in variables of the environment, applies `--set` overrides and collects every
unknown key and bad value into one error.
"""

from offbeat.config.base import Duration, Names, Section, Share
from offbeat.config.evaluate import STRESSES, Evaluate, Published, Stress
from offbeat.config.model import Drift, Model, Sample, Score, Sessions, Split, Tune
from offbeat.config.packs import Cost, Generate, Mask, Tabular, Templates
from offbeat.config.reading import DEFAULT_DATA
from offbeat.config.services import Alerts, Email, Limits, Maintain, Mlflow, Serve, Stream
from offbeat.config.source import Catalogue, Columns, Labels, Quarantine, Source
from offbeat.config.whole import PACK_NAMES, Config

__all__ = [
    "DEFAULT_DATA",
    "PACK_NAMES",
    "STRESSES",
    "Alerts",
    "Catalogue",
    "Columns",
    "Config",
    "Cost",
    "Drift",
    "Duration",
    "Email",
    "Evaluate",
    "Generate",
    "Labels",
    "Limits",
    "Maintain",
    "Mask",
    "Mlflow",
    "Model",
    "Names",
    "Published",
    "Quarantine",
    "Sample",
    "Score",
    "Section",
    "Serve",
    "Sessions",
    "Share",
    "Source",
    "Split",
    "Stream",
    "Stress",
    "Tabular",
    "Templates",
    "Tune",
]
