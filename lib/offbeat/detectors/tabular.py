"""Sessions that are unlike the training ones as rows of numbers: isolation forest and robust Mahalanobis distance.

scikit-learn fits them; what scoring needs is kept as plain arrays, and scoring is NumPy alone.
"""

from __future__ import annotations

import math
import warnings
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from offbeat.detectors.base import Detector, Progress, Sequences
from offbeat.detectors.covariates import Covariates
from offbeat.detectors.features import SessionFeatures
from offbeat.detectors.history import History
from offbeat.detectors.options import as_names, read_settings
from offbeat.detectors.vocabulary import Vocabulary
from offbeat.errors import InputRefused
from offbeat.tabular.trees import Trees

_MOST_ROWS = 20_000  # that are fitted on; more change nothing that a threshold could tell
_SLAB = 1 << 19
_EULER = 0.5772156649015329


@dataclass(frozen=True)
class Settings:
    """What both take.

    Attributes:
        covariates: names of covariates that are columns too.
        trees: of the isolation forest.
        components: most directions that the distance is measured in.
    """

    covariates: tuple[str, ...] = ()
    trees: int = 200
    components: int = 20

    def __post_init__(self) -> None:
        object.__setattr__(self, "covariates", as_names(self.covariates))
        for name in ("trees", "components"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise ValueError(f"{name}: expected a whole number from 1, got {getattr(self, name)!r}")


class RowDetector(Detector):
    """A detector that sees a session as one row of `SessionFeatures`."""

    def fit(
        self,
        train: Sequences,
        validation: Sequences,  # noqa: ARG002 - the protocol's
        *,
        vocabulary: Vocabulary,
        seed: int = 0,
        settings: Mapping[str, Any] | None = None,
        progress: Progress | None = None,  # noqa: ARG002
    ) -> History:
        """Fit on a sample of the training sessions.

        Raises:
            InputRefused: there are none.
        """
        self.settings = read_settings(Settings, settings, detector=self.name)
        if not len(train):
            raise InputRefused(f"training: no session for {self.name} to learn from; widen the sample")
        covariates = Covariates.fit(train, self.settings.covariates)
        self.features = SessionFeatures.fit(train, len(vocabulary), covariates)
        table = self.features.table(train)
        if len(table) > _MOST_ROWS:
            table = table[np.sort(np.random.default_rng(seed).permutation(len(table))[:_MOST_ROWS])]
        self._fit_rows(table, seed)
        self.vocabulary_hash = vocabulary.hash
        return History(n_sessions=len(train), n_events=len(train.ids))

    @property
    def takes(self) -> tuple[str, ...]:
        """Names of the covariates that are columns."""
        return self.features.covariates.names

    def score(self, sequences: Sequences) -> np.ndarray:
        """See the class."""
        parts = [self._score_rows(self.features.table(slab)) for slab in sequences.slabs(_SLAB)]
        return np.concatenate([np.zeros(0), *parts]).astype(np.float32)

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """The columns, and what was fitted on them."""
        values, arrays = self.features.state()
        own = self._state()
        return {"settings": asdict(self.settings), "features": values}, arrays | own

    def restore(self, values: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """The columns, and what was fitted on them."""
        self.settings = Settings(**values["settings"])
        self.features = SessionFeatures.from_state(values["features"], arrays)
        self._restore(arrays)

    @abstractmethod
    def _fit_rows(self, table: np.ndarray, seed: int) -> None: ...

    @abstractmethod
    def _score_rows(self, table: np.ndarray) -> np.ndarray: ...

    @abstractmethod
    def _state(self) -> dict[str, np.ndarray]: ...

    @abstractmethod
    def _restore(self, arrays: Mapping[str, np.ndarray]) -> None: ...


class IsolationForest(RowDetector):
    """Score: 0 to 1, higher where random cuts part the session from the others after fewer questions.

    References: Liu, Ting & Zhou 2008; fitted by scikit-learn, whose -score_samples this is.
    """

    name = "isolation_forest"

    def _fit_rows(self, table: np.ndarray, seed: int) -> None:
        from sklearn.ensemble import IsolationForest as Fitted

        forest = Fitted(n_estimators=self.settings.trees, random_state=seed, n_jobs=1).fit(table)
        trees = [one.tree_ for one in forest.estimators_]
        sizes = np.array([tree.node_count for tree in trees])
        roots = np.append(0, np.cumsum(sizes)[:-1])
        leaf = np.concatenate([tree.children_left for tree in trees]) < 0
        own = np.arange(sizes.sum())
        shift = np.repeat(roots, sizes)

        def joined(name: str) -> np.ndarray:
            return np.concatenate([getattr(tree, name) for tree in trees])

        self.usual = _usual_depth(np.array([forest.max_samples_]))[0] or 1.0
        self._prepare(
            roots=roots.astype(np.int32),
            feature=np.where(leaf, 0, joined("feature")).astype(np.int32),
            threshold=np.where(leaf, 0.0, joined("threshold")),
            left=np.where(leaf, own, joined("children_left") + shift).astype(np.int32),
            right=np.where(leaf, own, joined("children_right") + shift).astype(np.int32),
            depths=np.concatenate([_depths(tree) for tree in trees]),
            deepest=np.array([max(tree.max_depth for tree in trees), self.usual]),
        )

    def _prepare(self, **arrays: np.ndarray) -> None:
        self.arrays = arrays
        self.usual = float(arrays["deepest"][1])
        self.trees = Trees(
            roots=arrays["roots"],
            feature=arrays["feature"],
            threshold=arrays["threshold"],
            left=arrays["left"],
            right=arrays["right"],
            missing_left=np.zeros(len(arrays["left"]), bool),
            value=arrays["depths"],
            depth=int(arrays["deepest"][0]),
            summed=False,
            base=0.0,
            single=True,
        )

    def _score_rows(self, table: np.ndarray) -> np.ndarray:
        return np.asarray(np.exp2(-self.trees.predict(table) / self.usual))

    def _state(self) -> dict[str, np.ndarray]:
        return self.arrays

    def _restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        names = ("roots", "feature", "threshold", "left", "right", "depths", "deepest")
        self._prepare(**{name: arrays[name] for name in names})


def _depths(tree: Any) -> np.ndarray:
    """Questions to each node, and for a leaf of several rows those that would part them on average; float64."""
    depth = np.zeros(tree.node_count)
    for node in range(tree.node_count):  # a child comes after its parent
        for child in (tree.children_left[node], tree.children_right[node]):
            if child >= 0:
                depth[child] = depth[node] + 1
    return depth + np.where(tree.children_left < 0, _usual_depth(tree.n_node_samples), 0.0)


def _usual_depth(n: np.ndarray) -> np.ndarray:
    """Questions that part one of n rows from the others, on average over random trees."""
    many = np.maximum(n, 3).astype(np.float64)
    usual = 2.0 * (np.log(many - 1.0) + _EULER) - 2.0 * (many - 1.0) / many
    return np.where(n <= 1, 0.0, np.where(n == 2, 1.0, usual))  # noqa: PLR2004 - two rows are parted by one question


class Mahalanobis(RowDetector):
    """Score: distance from the middle of the training sessions, in deviations along and across their directions.

    The directions with the most variance are measured by a covariance of the half of the sessions that lie closest
    together, so that faulty ones among them don't bend it; what a session has outside of these directions counts by
    its own deviation.

    References: Rousseeuw & Van Driessen 1999 (minimum covariance determinant), fitted by scikit-learn.
    """

    name = "mahalanobis"

    def _fit_rows(self, table: np.ndarray, seed: int) -> None:
        middle = np.median(table, axis=0)
        centred = table - middle
        _, deviations, directions = np.linalg.svd(centred, full_matrices=False)
        kept = deviations > deviations.max(initial=0) * 1e-4
        kept[self.settings.components :] = False
        kept[max(1, len(table) // 5) :] = False  # fewer than five sessions a direction say nothing
        axes = directions[kept].T
        places = centred @ axes
        location, covariance = _robust_covariance(places, seed)
        ridge = 1e-3 * (np.trace(covariance) / max(1, len(covariance)) or 1.0)
        left = ((centred - places @ axes.T) ** 2).sum(axis=1)
        self.arrays = {
            "middle": middle,
            "axes": axes,
            "location": location,
            "precision": np.linalg.inv(covariance + ridge * np.eye(len(covariance))),
            "rest": np.array([max(float(left.mean()), ridge, 1e-6)]),
        }

    def _score_rows(self, table: np.ndarray) -> np.ndarray:
        centred = table - self.arrays["middle"]
        places = centred @ self.arrays["axes"]
        off = places - self.arrays["location"]
        inside = np.einsum("ij,jk,ik->i", off, self.arrays["precision"], off)
        outside = ((centred - places @ self.arrays["axes"].T) ** 2).sum(axis=1) / self.arrays["rest"][0]
        return np.asarray(np.sqrt(np.maximum(inside, 0) + outside))

    def _state(self) -> dict[str, np.ndarray]:
        return self.arrays

    def _restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        self.arrays = {name: arrays[name] for name in ("middle", "axes", "location", "precision", "rest")}


def _robust_covariance(places: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Middle and covariance of the densest half; of all, where that half lies in a plane."""
    from sklearn.covariance import MinCovDet

    plain = np.atleast_2d(np.cov(places, rowvar=False)) if len(places) > 1 else np.eye(places.shape[1])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a half without variance, which is seen to below
            found = MinCovDet(random_state=seed).fit(places)
    except ValueError:
        return places.mean(axis=0), plain
    sign, _ = np.linalg.slogdet(found.covariance_)
    flat = sign <= 0 or np.diag(found.covariance_).min() < 1e-6 * max(np.diag(plain).max(), math.ulp(1.0))
    return (places.mean(axis=0), plain) if flat else (found.location_, found.covariance_)
