"""LSTM and GRU that are told which sessions were faulty: in sequence or not, as the earlier study asked it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from offbeat.detectors.base import Detector, Progress, Sequences, offsets_of, ragged_index
from offbeat.detectors.covariates import Covariates
from offbeat.detectors.forward import Network
from offbeat.detectors.history import History
from offbeat.detectors.options import as_names, read_settings
from offbeat.detectors.steps import Steps, find_distinct, sort_runs, to_steps
from offbeat.detectors.sweep import COLUMNS, Sweep, Tree, build_tree
from offbeat.detectors.vocabulary import PAD, Vocabulary
from offbeat.errors import InputRefused

_SLAB = 1 << 19


@dataclass(frozen=True)
class Settings:
    """What a classifier is like and how it learns.

    Attributes:
        units, layers, embedding: size of each layer's state, recurrent layers, width of the event embedding.
        covariates: names of what is known of a session besides its events.
        epochs, patience: most rounds, and rounds without a better validation loss before it stops.
        max_events: most events fed in all rounds together; bounds the training time of large samples.
        batch, learning_rate: sessions in a batch; of Adam, at its highest.
        longest: tokens of a session that are looked at, the first ones.
    """

    units: int = 32
    layers: int = 1
    embedding: int = 16
    covariates: tuple[str, ...] = ()
    epochs: int = 20
    patience: int = 10
    max_events: int = 4_000_000
    batch: int = 64
    learning_rate: float = 0.005
    longest: int = 1000

    def __post_init__(self) -> None:
        object.__setattr__(self, "covariates", as_names(self.covariates))
        for name in ("units", "layers", "embedding", "epochs", "patience", "max_events", "batch", "longest"):
            value: object = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name}: expected a whole number from 1, got {value!r}")
        rate: object = self.learning_rate
        if not isinstance(rate, int | float) or not 0 < rate <= 1:
            raise ValueError(f"learning_rate: expected a number above 0, up to 1, got {self.learning_rate!r}")


class Classifier(Detector):
    """Score: -ln(1 - probability that the session is faulty), nats: ln 2 where faulty is as likely as not.

    Only sessions with a label are learnt from; loss and accuracy in the history are those of this question.
    """

    kind: ClassVar[str]
    supervised = True

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
            InputRefused: the training sessions have no label, or all the same.
        """
        from offbeat.detectors.classify import learn

        began = time.perf_counter()
        self.settings = read_settings(Settings, settings, detector=self.name)
        train, validation = labelled(train), labelled(validation)
        kinds = set() if train.labels is None else set(train.labels.tolist())
        if kinds != {0.0, 1.0}:
            told = "no label" if not kinds else f"the label {kinds.pop():.0f} alone"
            raise InputRefused(
                f"training: {told}, and {self.name} learns from faulty and normal sessions; give "
                "source.columns.label, or take a detector that needs none, such as lstm"
            )
        self.covariates = Covariates.fit(train, self.settings.covariates)
        parts = [(self._steps(part), np.asarray(part.labels, np.float32)) for part in (train, validation)]
        sizes = (len(vocabulary), self.covariates.width)
        arrays, history = learn(self.kind, parts[0], parts[1], self.settings, sizes, seed, progress)
        self._prepare(arrays)
        self.vocabulary_hash = vocabulary.hash
        history.n_sessions, history.n_events = len(train), len(train.ids)
        history.seconds = time.perf_counter() - began
        return history

    def _prepare(self, arrays: dict[str, np.ndarray]) -> None:
        self.arrays, self.network = arrays, Network(self.kind, arrays)

    def _steps(self, sequences: Sequences) -> Steps:
        """Tokens of the sessions, the first `longest`, and one more that is never fed: all before it are."""
        steps = to_steps(sequences, None, self.covariates.group(sequences))
        lengths = np.minimum(steps.lengths, self.settings.longest)
        offsets = offsets_of(lengths + 1)
        tokens = np.full(offsets[-1], PAD, np.int32)
        tokens[ragged_index(offsets[:-1], lengths)] = steps.tokens[ragged_index(steps.offsets[:-1], lengths)]
        return Steps(tokens, offsets, steps.begins, None, steps.vectors, steps.groups)

    @property
    def takes(self) -> tuple[str, ...]:
        """Names of the covariates that it scores with."""
        return self.covariates.names

    def score(self, sequences: Sequences) -> np.ndarray:
        """See the class; equal beginnings are computed once."""
        logits = [self._logits(self._steps(slab)) for slab in sequences.slabs(_SLAB)]
        return np.asarray(np.logaddexp(0, np.concatenate([np.zeros(0, np.float32), *logits])), np.float32)

    def _logits(self, steps: Steps) -> np.ndarray:
        kinds = find_distinct(steps)
        rows = kinds.first[steps.lengths[kinds.first] > 1]
        found = np.full(
            len(steps.lengths), self.arrays["out_bias"][0], np.float32
        )  # of a session without a token
        for low in range(0, len(rows), COLUMNS):
            part = rows[low : low + COLUMNS]
            runs = ragged_index(steps.offsets[:-1][part], steps.lengths[part])
            order, shared = sort_runs(steps.keys[runs], offsets_of(steps.lengths[part]))
            part = part[order]
            tree = build_tree(steps.offsets[part], steps.lengths[part] - 1, shared)
            sweep = _Last(self.network, steps, tree)
            sweep.run()
            found[part] = sweep.last
        return np.asarray(found[kinds.first][kinds.inverse])

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Weights, settings, covariates."""
        return {"settings": asdict(self.settings), "covariates": self.covariates.to_json()}, self.arrays

    def restore(self, values: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """Weights, settings, covariates."""
        self.settings = Settings(**values["settings"])
        self.covariates = Covariates.from_json(values["covariates"])
        self._prepare(arrays)


def labelled(sequences: Sequences) -> Sequences:
    """The sessions whose label is known."""
    if sequences.labels is None:
        return sequences.take([])
    return sequences.take(np.isfinite(sequences.labels))


class _Last(Sweep):
    """Keeps what the network says after the last token of each session."""

    def __init__(self, network: Network, steps: Steps, tree: Tree) -> None:
        super().__init__(network, steps, tree)
        self.last = np.zeros(len(tree.begins), np.float32)

    def read(self, *_: Any, **__: Any) -> None:
        """Nothing: only the last token's answer counts."""

    def level_done(self, level: int, rows: np.ndarray, targets: np.ndarray) -> None:  # noqa: ARG002
        """Read the answer for the sessions that end here."""
        columns = np.flatnonzero(self.tree.inputs[rows] == level + 1)
        self.last[rows[columns]] = self.network.logit(self.state, columns, np.zeros(len(columns), np.int64))


class LstmClassifier(Classifier):
    """LSTM that says whether a session is in sequence."""

    name, kind = "lstm_classifier", "lstm"


class GruClassifier(Classifier):
    """GRU that says whether a session is in sequence."""

    name, kind = "gru_classifier", "gru"
