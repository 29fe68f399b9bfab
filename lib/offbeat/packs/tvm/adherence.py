"""Does a model keep to the rules of the player? Each rule broken on purpose in legal sessions, and each legal use.

A rule says when an event may come. It is violated where the event comes in a state in which no rule permits it; most
telling are the states that fail it in one respect alone (a `resume` where content is not paused). So a violation puts
the rule's event into an unseen legal session, at a place whose state differs from one that the rule permits in as few
parts as any state there does, and leaves all else as it is. It is flagged where the session then scores above the
threshold. A legal use is a place of an unseen legal session where the rule permitted what came; it is wrongly flagged
where that event surprises more than the threshold.

The rule `end` is about where a session may end: it is violated by a legal session without its last events.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from offbeat.detectors.base import Detector, Sequences
from offbeat.detectors.vocabulary import Vocabulary
from offbeat.packs.tvm.machine import EVENTS, MACHINE, is_meaningful, walk
from offbeat.packs.tvm.rules import RULES

MOST_VIOLATIONS = 100
"""Violations per rule."""
END = "end"


@dataclass
class RuleCheck:
    """What was counted for one rule; see `tables.RULE_CHECKS`."""

    rule: str
    event: str
    says: str
    violations: int = 0
    violations_flagged: int = 0
    legal_uses: int = 0
    legal_flagged: int = 0


@dataclass(frozen=True)
class _Walk:
    """A legal session: its codes, places of meaningful events, and the state before each of them and after the last."""

    codes: list[int]
    places: list[int]
    states: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, codes: Sequence[int]) -> _Walk:
        places = [place for place, code in enumerate(codes) if is_meaningful(code)]
        return cls(list(codes), places, walk([codes[place] for place in places]))


def check_rules(
    detector: Detector,
    vocabulary: Vocabulary,
    threshold: float,
    legal: Sequence[Sequence[int]],
    *,
    seed: int = 0,
) -> list[RuleCheck]:
    """Count violations and legal uses of every rule, and how many of each are flagged.

    Args:
        detector: fitted, with a view of positions.
        threshold: score above which a session is flagged.
        legal: codes (see `machine.EVENTS`) of whole sessions that keep the rules and that the model has not seen.
        seed: of the choice of violations.
    """
    walks = [_Walk.of(codes) for codes in legal]
    checks = [RuleCheck(rule.name, rule.event, rule.doc) for rule in RULES]
    checks.append(
        RuleCheck(END, "", "A session ends where the app is closed, or where it died while it buffered.")
    )
    _count_uses(detector, vocabulary, threshold, walks, checks)
    rng = np.random.default_rng(seed)
    planned = [_violations(number, walks, rng) for number in range(len(RULES))] + [_cut_short(walks, rng)]
    flat = [codes for group in planned for codes in group]
    flags = detector.score(_encoded(flat, vocabulary)) > threshold if flat else np.zeros(0, bool)
    bounds = np.cumsum([0, *map(len, planned)])
    for check, low, high in zip(checks, bounds[:-1], bounds[1:], strict=True):
        check.violations = int(high - low)
        check.violations_flagged = int(flags[low:high].sum())
    return checks


def _encoded(sessions: Sequence[Sequence[int]], vocabulary: Vocabulary) -> Sequences:
    numbers = vocabulary.encode(list(EVENTS))
    return Sequences.from_lists([numbers[list(codes)].tolist() for codes in sessions])


def _count_uses(
    detector: Detector, vocabulary: Vocabulary, threshold: float, walks: list[_Walk], checks: list[RuleCheck]
) -> None:
    """Count the uses of each rule in legal sessions, and those that surprise."""
    found = detector.surprise(_encoded([each.codes for each in walks], vocabulary), 1)
    if found is None:
        return
    uses, flagged = np.zeros(len(checks), np.int64), np.zeros(len(checks), np.int64)
    for number, each in enumerate(walks):
        surprise = found.surprise[found.offsets[number] : found.offsets[number + 1]]
        rules = [
            int(MACHINE.rule[state, each.codes[at]])
            for state, at in zip(each.states, each.places, strict=False)
        ]
        above = surprise[[*each.places, len(each.codes)]] > threshold
        np.add.at(uses, [*rules, len(RULES)], 1)
        np.add.at(flagged, [*rules, len(RULES)], above)
    for check, n, n_flagged in zip(checks, uses.tolist(), flagged.tolist(), strict=True):
        check.legal_uses, check.legal_flagged = n, n_flagged


@cache
def _distances() -> np.ndarray:
    """In how many parts each state differs from the nearest that each rule permits: int16, [rules, states].

    -1 where some rule permits the rule's event.
    """
    parts = [
        np.unique([state[part] for state in MACHINE.states], return_inverse=True)[1]
        for part in range(len(MACHINE.states[0]))
    ]
    table = np.array(parts).T
    rows = []
    for number, rule in enumerate(RULES):
        code = MACHINE.events.index(rule.event)
        permitted = table[MACHINE.rule[:, code] == number]
        nearest = np.array([(permitted != state).sum(axis=1).min() for state in table])
        rows.append(np.where(MACHINE.after[:, code] >= 0, -1, nearest))
    return np.array(rows, np.int16)


def _violations(number: int, walks: list[_Walk], rng: np.random.Generator) -> list[list[int]]:
    """Sessions in which the rule's event stands where it just may not: at the nearest states that there are."""
    distance = _distances()[number]
    code = MACHINE.events.index(RULES[number].event)
    at = [
        (distance[state], n, nth)
        for n, each in enumerate(walks)
        for nth, state in enumerate(each.states[:-1])
    ]
    near = [each for each in at if each[0] > 0]
    if not near:
        return []
    least = min(each[0] for each in near)
    places = [(n, nth) for found, n, nth in near if found == least]
    chosen = rng.choice(len(places), min(MOST_VIOLATIONS, len(places)), replace=False)
    made = []
    for n, nth in (places[index] for index in sorted(chosen.tolist())):
        codes, place = walks[n].codes, walks[n].places[nth]
        made.append([*codes[:place], code, *codes[place:]])
    return made


def _cut_short(walks: list[_Walk], rng: np.random.Generator) -> list[list[int]]:
    """Sessions that end one to three meaningful events early, where they may not."""
    made: list[list[int]] = []
    for n in rng.permutation(len(walks)).tolist():
        each, lost = walks[n], int(rng.integers(1, 4))
        if (
            len(made) < MOST_VIOLATIONS
            and len(each.places) > lost
            and not MACHINE.may_end[each.states[-1 - lost]]
        ):
            made.append(each.codes[: each.places[-lost]])
    return made
