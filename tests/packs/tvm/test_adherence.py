"""Rules broken on purpose: what is counted, by hand-made models and by one that learnt."""

from __future__ import annotations

import numpy as np
import pytest

from offbeat.detectors import create
from offbeat.detectors.base import EventScores, Sequences, offsets_of
from offbeat.detectors.vocabulary import Vocabulary
from offbeat.packs.tvm import adherence
from offbeat.packs.tvm.adherence import check_rules
from offbeat.packs.tvm.machine import EVENTS, MACHINE, first_break
from offbeat.packs.tvm.rules import RULES
from tests.packs.tvm.test_simulate import parts, sessions

VOCABULARY = Vocabulary.fit(dict.fromkeys(EVENTS, 1))


@pytest.fixture(scope="module")
def legal() -> list[list[int]]:
    _, viewings, _ = sessions(5, 900, 0.2)
    return [viewings.code[part].tolist() for part in parts(viewings)]


class Constant:
    """Finds everything as strange as anything else."""

    def __init__(self, score: float) -> None:
        self.value = score

    def score(self, found: Sequences) -> np.ndarray:
        return np.full(len(found), self.value, np.float32)

    def surprise(self, found: Sequences, top_k: int) -> EventScores:
        lengths = found.lengths + 1
        n = int(lengths.sum())
        none = np.zeros((n, top_k), np.float32)
        surprise = np.full(n, self.value, np.float32)
        return EventScores(
            offsets_of(lengths),
            np.zeros(n, np.int32),
            surprise,
            np.ones(n, np.int32),
            surprise,
            none.astype(np.int32),
            none,
        )


def test_a_model_that_flags_all_or_nothing(legal):
    for value, share in ((9.0, 1), (0.0, 0)):
        checks = check_rules(Constant(value), VOCABULARY, 5.0, legal)
        assert [check.rule for check in checks] == [*(rule.name for rule in RULES), "end"]
        for check in checks:
            assert check.violations_flagged == share * check.violations
            assert check.legal_flagged == share * check.legal_uses
    uses = {check.rule: check.legal_uses for check in checks}
    assert uses["launch"] == uses["end"] == len(legal)
    starts = sum(codes.count(EVENTS.index("app_launch")) for codes in legal)
    assert uses["launch"] + uses["relaunch"] == starts
    assert all(check.violations == adherence.MOST_VIOLATIONS for check in checks)
    assert check_rules(Constant(9.0), VOCABULARY, 5.0, [])[0].legal_uses == 0


def test_every_violation_breaks_its_rule_in_the_fewest_respects(legal):
    walks = [adherence._Walk.of(codes) for codes in legal]
    rng = np.random.default_rng(0)
    for number in range(len(RULES)):
        assert all(first_break(codes) is not None for codes in adherence._violations(number, walks, rng))
    assert all(first_break(codes) is not None for codes in adherence._cut_short(walks, rng))
    resume = [rule.name for rule in RULES].index("resume")
    code = EVENTS.index("resume")
    for codes in adherence._violations(resume, walks, rng):
        state = MACHINE.states[adherence._Walk.of(codes[: first_break(codes)]).states[-1]]
        assert codes[first_break(codes)] == code
        assert state.playing or (state.paused and state.seeking and not state.stalled)


def test_a_model_that_learnt_the_rules_keeps_to_most(legal):
    ids = VOCABULARY.encode(list(EVENTS))
    known = Sequences.from_lists([ids[codes].tolist() for codes in legal[:700]])
    detector = create("ngram3")
    detector.fit(known, known, vocabulary=VOCABULARY)
    checks = {check.rule: check for check in check_rules(detector, VOCABULARY, 6.0, legal[700:])}
    assert checks["resume"].violations_flagged > 0.7 * checks["resume"].violations
    # How often it has beaten, two events before do not tell.
    assert checks["heartbeat"].violations_flagged < 0.8 * checks["resume"].violations_flagged
    assert sum(check.legal_flagged for check in checks.values()) < 0.01 * sum(
        check.legal_uses for check in checks.values()
    )
