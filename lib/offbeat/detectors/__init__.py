"""What a model is: arrays in, scores out. No Spark in here, one file per family, one protocol (`Detector`) for all."""

from __future__ import annotations

from offbeat.detectors.base import Detector, EventScores, History, Sequences
from offbeat.detectors.classifier import GruClassifier, LstmClassifier
from offbeat.detectors.counts import Counts
from offbeat.detectors.edit import EditDistance
from offbeat.detectors.ensemble import Ensemble
from offbeat.detectors.interarrival import Interarrival
from offbeat.detectors.length import Length
from offbeat.detectors.new_event import NewEvent
from offbeat.detectors.ngram import Markov2, Markov3
from offbeat.detectors.options import nearest_name
from offbeat.detectors.recurrent import Gru, Lstm
from offbeat.detectors.tabular import IsolationForest, Mahalanobis
from offbeat.detectors.vocabulary import Vocabulary
from offbeat.errors import UsageError

DETECTORS: dict[str, type[Detector]] = {
    kind.name: kind
    for kind in (
        Lstm,
        Gru,
        LstmClassifier,
        GruClassifier,
        NewEvent,
        Length,
        Counts,
        Markov2,
        Markov3,
        EditDistance,
        Interarrival,
        IsolationForest,
        Mahalanobis,
        Ensemble,
    )
}

__all__ = ["DETECTORS", "Detector", "EventScores", "History", "Sequences", "Vocabulary", "create"]


def create(name: str) -> Detector:
    """A detector that has learnt nothing yet.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in DETECTORS:
        raise UsageError(f"model.detector: no detector is called {name}; {nearest_name(name, DETECTORS)}")
    return DETECTORS[name]()


Ensemble.kinds = staticmethod(create)
