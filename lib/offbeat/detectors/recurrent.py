"""Next-event LSTM and GRU: how surprising is what happened, given all that happened before?"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import asdict
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from offbeat.detectors.base import Detector, EventScores, History, Progress, Sequences
from offbeat.detectors.covariates import Covariates
from offbeat.detectors.detail import event_scores
from offbeat.detectors.foresight import Foresight
from offbeat.detectors.forward import Network, NoFastPath
from offbeat.detectors.options import read_settings
from offbeat.detectors.settings import RecurrentSettings
from offbeat.detectors.steps import Steps, find_distinct, to_steps
from offbeat.detectors.sweep import sweep_surprise
from offbeat.detectors.vocabulary import SPECIALS, Vocabulary
from offbeat.errors import InputRefused

log = logging.getLogger(__name__)


class Recurrent(Detector):
    """Score: the largest -ln(probability) over the positions of the session, `<end>` included, in nats.

    One pass over the whole session. An event that training never saw has a probability of its own, the share of new
    events to be expected after Good and Turing: (events seen once + 1/2) / (events + 1).

    With `criterion: rank` the score is the largest rank instead, and the threshold the k of DeepLog's top-k criterion,
    chosen on held-out sessions like any other threshold.

    References: Du et al., DeepLog, CCS 2017; differs: whole sessions instead of windows, `<start>` and `<end>`,
    probabilities instead of ranks.
    """

    kind: ClassVar[str]
    share = True  # feed equal beginnings once; off only to measure what it is worth
    slab_events = 1 << 19  # events scored at a time

    def fit(
        self,
        train: Sequences,
        validation: Sequences,
        *,
        vocabulary: Vocabulary,
        seed: int = 0,
        settings: Mapping[str, Any] | None = None,
        progress: Progress | None = None,
    ) -> History:
        """Train with Keras.

        Raises:
            InputRefused: no training session has anything to predict.
            UsageError: a GPU is asked for and there is none.
        """
        from offbeat.detectors.keras_model import Sizes
        from offbeat.detectors.keras_scores import assert_gpu, hide_gpu
        from offbeat.detectors.learning import learn

        (assert_gpu if self.device == "gpu" else hide_gpu)()
        began = time.perf_counter()
        self.settings = read_settings(RecurrentSettings, settings, detector=self.name)
        self.covariates = Covariates.fit(train, self.settings.covariates)
        self.gap_edges = _gap_edges(train, self.settings.gap_classes) if self.settings.time else None
        steps = self.steps(train)
        if not (steps.lengths > 1).any():
            raise InputRefused(
                f"training: no session with an event for {self.name} to learn from; widen the sample"
            )
        learnt = learn(
            self.kind,
            steps,
            self.steps(validation),
            self.settings,
            Sizes(
                n_tokens=len(vocabulary),
                n_gaps=0 if self.gap_edges is None else len(self.gap_edges) + 2,
                n_covariates=self.covariates.width,
            ),
            seed=seed,
            mixed=train.mixed,
            progress=progress,
        )
        counts = np.bincount(train.ids, minlength=len(vocabulary))[len(SPECIALS) :]
        new_share = min(0.5, float(((counts == 1).sum() + 0.5) / (counts.sum() + 1)))
        self.unknown = None if learnt.knows_unknown else float(np.log(new_share))
        self._prepare(learnt.arrays)
        self.vocabulary_hash = vocabulary.hash
        history = learnt.history
        history.n_sessions, history.n_events = len(train), len(train.ids)
        history.seconds = time.perf_counter() - began
        return history

    @property
    def takes(self) -> tuple[str, ...]:
        """Names of the covariates that the network starts from."""
        return self.covariates.names

    @property
    def by_event(self) -> bool:
        """Yes, but where ranks are scores."""
        return self.network is not None and self.settings.criterion == "surprise"

    def _prepare(self, arrays: dict[str, np.ndarray]) -> None:
        self.arrays = arrays
        self.network: Network | None = None
        try:
            self.network = Network(self.kind, arrays)
        except NoFastPath as reason:
            log.warning("%s: no fast path for %s; scoring goes through Keras, much slower", self.name, reason)

    def steps(self, sequences: Sequences) -> Steps:
        """Sessions as the network takes them."""
        buckets = None if self.gap_edges is None else _gap_classes(sequences, self.gap_edges)
        return to_steps(sequences, buckets, self.covariates.group(sequences))

    def score(self, sequences: Sequences) -> np.ndarray:
        """See the class; 0 without a position. Equal beginnings are computed once."""
        return self._score(sequences, None)

    def _worst_ranks(self, sequences: Sequences) -> np.ndarray:
        """The largest rank of each session's events; 1 where it has none."""
        worst = np.ones(len(sequences), np.float32)
        events = self.surprise(sequences, 1)
        if events is not None:
            filled = np.flatnonzero(np.diff(events.offsets))
            if len(filled):
                worst[filled] = np.maximum.reduceat(events.rank, events.offsets[:-1][filled])
        return worst

    def score_up_to(self, sequences: Sequences, limits: np.ndarray) -> np.ndarray:
        """See `Detector`; a session is left at the first event above its limit."""
        return self._score(sequences, limits)

    @cached_property
    def _keras(self) -> Any:
        """The same network in Keras: where there is no fast path, or a GPU."""
        from offbeat.detectors.keras_scores import KerasScorer

        return KerasScorer(self.kind, self.settings, self.arrays)

    def _score(self, sequences: Sequences, limits: np.ndarray | None) -> np.ndarray:
        if self.settings.criterion == "rank" and self.network is not None:
            ranks = [self._worst_ranks(slab) for slab in sequences.slabs(self.slab_events)]
            return np.concatenate([np.zeros(0, np.float32), *ranks])
        if self.network is None or self.device == "gpu":
            slabs = [self.steps(slab) for slab in sequences.slabs(self.slab_events)]
            scores = [self._keras.largest_surprise(slab, unknown=self.unknown) for slab in slabs]
            return np.concatenate([np.zeros(0, np.float32), *scores])
        return self._swept(self.network, sequences, limits)[0]

    def score_with_total(self, sequences: Sequences, limits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Detector`; both in one pass."""
        if self.network is None or self.device == "gpu" or not self.by_event:
            return super().score_with_total(sequences, limits)
        scores, totals = self._swept(self.network, sequences, limits)
        return scores, np.where(scores <= limits, totals, np.inf)

    def least_score(
        self, sequences: Sequences, session: np.ndarray, place: np.ndarray, event: np.ndarray
    ) -> np.ndarray:
        """See `Detector`; each of `sequences` is fed once."""
        if self.network is None or not self.by_event:
            return super().least_score(sequences, session, place, event)
        return Foresight(self.network, self.steps(sequences), self.unknown).least(session, place, event)

    def _swept(
        self, network: Network, sequences: Sequences, limits: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The largest surprise and the sum of all of each session, slab by slab."""
        found, totals, first = [np.zeros(0, np.float32)], [np.zeros(0, np.float64)], 0
        share = self.share or limits is not None  # changes of one session always begin alike
        for slab in sequences.slabs(self.slab_events):
            own = None if limits is None else limits[first : first + len(slab)]
            steps, first = self.steps(slab), first + len(slab)
            most, total = sweep_surprise(network, steps, unknown=self.unknown, share=share, limits=own)
            found.append(most)
            totals.append(total)
        return np.concatenate(found), np.concatenate(totals)

    def surprise(self, sequences: Sequences, top_k: int = 5) -> EventScores | None:
        """See `EventScores`; equal sessions are computed once. None where there is no fast path."""
        if self.network is None:
            return None
        kinds = find_distinct(self.steps(sequences))
        distinct = sequences.take(kinds.first)
        found = event_scores(self.network, distinct, self.steps(distinct), unknown=self.unknown, top_k=top_k)
        return found.take(kinds.inverse)

    def reference_score(self, sequences: Sequences) -> np.ndarray:
        """The same score from the Keras model, session by session: what tests compare with. float32, [n]."""
        from offbeat.detectors.keras_model import reference_surprise

        steps = self.steps(sequences)
        surprises = reference_surprise(self.kind, self.settings, self.arrays, steps)
        for at, surprise in enumerate(surprises):
            targets = steps.tokens[steps.offsets[at] + 1 : steps.offsets[at + 1]]
            if self.unknown is not None:
                surprise[targets == 1] = -self.unknown
        return np.array([surprise.max(initial=0) for surprise in surprises], np.float32)

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Weights, settings, gap classes."""
        edges = {} if self.gap_edges is None else {"gap_edges": self.gap_edges}
        values = {"settings": asdict(self.settings), "unknown": self.unknown}
        return values | {"covariates": self.covariates.to_json()}, self.arrays | edges

    def restore(self, values: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """Weights, settings, gap classes."""
        self.settings = RecurrentSettings(**values["settings"])
        self.unknown = values["unknown"]
        self.covariates = Covariates.from_json(values.get("covariates", ()))
        self.gap_edges = arrays.pop("gap_edges", None)
        self._prepare(arrays)


def _gap_edges(train: Sequences, classes: int) -> np.ndarray:
    """Quantiles of the known training gaps, without repeats: what parts the classes; float32, seconds."""
    known = np.zeros(0) if train.gaps is None else train.gaps[np.isfinite(train.gaps)]
    if not len(known):
        return np.zeros(0, np.float32)
    inner = np.linspace(0, 1, classes + 1)[1:-1]
    return np.unique(np.quantile(known, inner, method="lower").astype(np.float32))


def _gap_classes(sequences: Sequences, edges: np.ndarray) -> np.ndarray:
    """Class of the gap before each event: 0 where not known, else 1 to len(edges) + 1; int32, [n_events]."""
    if sequences.gaps is None:
        return np.zeros(len(sequences.ids), np.int32)
    classes = 1 + np.searchsorted(edges, sequences.gaps, side="left")
    return np.where(np.isfinite(sequences.gaps), classes, 0).astype(np.int32)


class Lstm(Recurrent):
    """Next-event LSTM."""

    name = kind = "lstm"


class Gru(Recurrent):
    """Next-event GRU."""

    name = kind = "gru"
