"""Whether a candidate is as good as the champion: both judged on the same sessions, which the candidate hasn't seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from offbeat.detectors.base import Detector, Sequences
from offbeat.detectors.vocabulary import SPECIALS, Vocabulary
from offbeat.evaluation.metrics import pr_auc
from offbeat.training.inject import inject_faults


@dataclass(frozen=True)
class Contender:
    """A fitted detector with the vocabulary that numbers its events."""

    version: str
    detector: Detector
    vocabulary: Vocabulary


@dataclass(frozen=True)
class Comparison:
    """Who won, and by what.

    Attributes:
        is_better: the candidate is at least as good.
        reason: a sentence that names both, with the figures of both.
        figures: by name; `candidate_…` and `champion_…`.
    """

    is_better: bool
    reason: str
    figures: dict[str, float]


def compare(
    candidate: Contender, champion: Contender, validation: Sequences, *, known: Vocabulary, seed: int
) -> Comparison:
    """Judge both on validation sessions: by their labels where both kinds are there, else with a fault put in.

    What decides is the PR-AUC; loss and accuracy in telling the next event stand beside it. Labels come with the
    sessions only where a classifier is among those to choose from: it has learnt what the labels mean, and no injected
    fault looks like that.

    Args:
        validation: in numbers of `known`, the candidate's vocabulary.
        seed: of the injected faults.
    """
    figures: dict[str, float] = {}
    labelled = labelled_part(validation)
    for role, one in (("candidate", candidate), ("champion", champion)):
        figures[f"{role}_pr_auc"] = (
            separation(one.detector, one.vocabulary, validation, known=known, seed=seed)
            if labelled is None
            else labelled_separation(one.detector, one.vocabulary, labelled, known=known)
        )
        told = next_event_figures(one.detector, one.vocabulary, validation, known=known)
        figures |= {f"{role}_{name}": value for name, value in told.items()}
    is_better = _decides(figures)
    winner, loser = (candidate, champion) if is_better else (champion, candidate)
    roles = ("candidate", "champion") if is_better else ("champion", "candidate")
    faults = "injected faults" if labelled is None else _labels_told(labelled)
    reason = f"{_told(winner, roles[0], figures, faults)} before {_told(loser, roles[1], figures, faults)}"
    return Comparison(is_better, reason, figures)


def _decides(figures: Mapping[str, float]) -> bool:
    """Whether the candidate is as good; by the loss where no fault could be put in, and where there is none, it is."""
    found, before = figures["candidate_pr_auc"], figures["champion_pr_auc"]
    if np.isnan(found) or np.isnan(before):
        return figures.get("candidate_loss", 0.0) <= figures.get("champion_loss", np.inf)
    return bool(found >= before)


def _labels_told(labelled: Sequences) -> str:
    faulty = 0 if labelled.labels is None else int((labelled.labels > 0).sum())
    return f"{faulty:,} labelled faults among {len(labelled):,} sessions"


def _told(one: Contender, role: str, figures: dict[str, float], faults: str) -> str:
    separates = figures[f"{role}_pr_auc"]
    parts = (
        ["sessions too short for a fault"] if np.isnan(separates) else [f"PR-AUC on {faults} {separates:.4f}"]
    )
    if f"{role}_loss" in figures:
        parts.append(
            f"next event: accuracy {figures[f'{role}_accuracy']:.2%}, loss {figures[f'{role}_loss']:.4f}"
        )
    return f"{one.detector.name} ({one.version}; {'; '.join(parts)})"


def labelled_part(validation: Sequences) -> Sequences | None:
    """The sessions whose label is known; None where they are not of both kinds, so that labels can't judge."""
    if validation.labels is None:
        return None
    known = validation.take(np.isfinite(validation.labels))
    kinds = set() if known.labels is None else set(known.labels.tolist())
    return known if kinds >= {0.0, 1.0} else None


def labelled_separation(
    detector: Detector, vocabulary: Vocabulary, labelled: Sequences, *, known: Vocabulary
) -> float:
    """PR-AUC with which a detector tells sessions labelled faulty from those labelled normal."""
    return pr_auc(np.asarray(labelled.labels), detector.score(_translated(labelled, vocabulary, known)))


def separation(
    detector: Detector, vocabulary: Vocabulary, validation: Sequences, *, known: Vocabulary, seed: int
) -> float:
    """PR-AUC with which a detector tells validation sessions from the same sessions with a fault put in.

    Args:
        detector: fitted, with numbers of `vocabulary`.
        validation: in numbers of `known`, the candidate's vocabulary; so are the faults, the same for both models.
    """
    faulty, _ = inject_faults(validation, vocabulary_size=len(known), seed=seed)
    scores = [detector.score(_translated(part, vocabulary, known)) for part in (validation, faulty)]
    labels = np.repeat([0, 1], [len(validation), len(faulty)])
    return pr_auc(labels, np.concatenate(scores))


def next_event_figures(
    detector: Detector, vocabulary: Vocabulary, validation: Sequences, *, known: Vocabulary
) -> dict[str, float]:
    """Loss (nats per event) and accuracy in telling the next event; nothing where the detector tells none."""
    events = detector.surprise(_translated(validation, vocabulary, known), 1)
    if events is None or not len(events):
        return {}
    return {"loss": float(events.surprise.mean()), "accuracy": float((events.rank == 1).mean())}


def _translated(sequences: Sequences, vocabulary: Vocabulary, known: Vocabulary) -> Sequences:
    """The sessions in the numbers of another vocabulary."""
    translation = np.arange(len(known), dtype=np.int32)
    translation[len(SPECIALS) :] = vocabulary.encode(known.events)
    return replace(sequences, ids=translation[sequences.ids])
