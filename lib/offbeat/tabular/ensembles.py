"""Several models as one: the mean of their votes, a model on top of theirs, one model on many samples, or a bundle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from offbeat.tabular.base import Model, logit
from offbeat.tabular.linear import Logistic


@dataclass(frozen=True)
class Voting:
    """The mean of the members' probabilities; of one kind of model on bootstrap samples, it is bagging."""

    members: tuple[Model, ...]

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Probability of label 1; float64, [n]."""
        votes: np.ndarray = np.mean([member.predict(features) for member in self.members], axis=0)
        return votes


@dataclass(frozen=True)
class Stacking:
    """Logistic regression on the members' log odds.

    Attributes:
        top: fitted on what the members said of rows that they were not fitted on.
    """

    members: tuple[Model, ...]
    top: Logistic

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Probability of label 1; float64, [n]."""
        return self.top.predict(said(self.members, features))


@dataclass(frozen=True)
class Columns:
    """A model of some columns of the table.

    Attributes:
        chosen: int32: which columns, in the order of the fit.
    """

    member: Model
    chosen: np.ndarray

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Probability of label 1; float64, [n]."""
        return self.member.predict(np.asarray(features)[:, self.chosen])


@dataclass(frozen=True)
class Bundle:
    """Models that belong together and travel as one, each with a name of its own.

    Attributes:
        names: of the members, in order.
    """

    names: tuple[str, ...]
    members: tuple[Model, ...]

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Probability by the first member; float64, [n]."""
        return self.members[0].predict(features)

    def named(self, name: str) -> Model:
        """The member of that name."""
        return self.members[self.names.index(name)]


def said(members: tuple[Model, ...], features: np.ndarray) -> np.ndarray:
    """What members say of rows as log odds: float64, [n, members]."""
    return np.column_stack([logit(member.predict(features)) for member in members])
