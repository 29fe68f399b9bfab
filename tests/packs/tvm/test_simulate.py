"""Sessions without faults keep the rules, whatever the habits and the seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offbeat.packs.tvm.catalog import KIND_SHARES, PARTNERS, PLATFORMS, VERSION_SHARES, VERSIONS, titles
from offbeat.packs.tvm.habits import (
    AD_POLICIES,
    AMBIENT_HABITS,
    CRASH_WEIGHT,
    PLATFORM_HABITS,
    VERSION_HABITS,
    WAITS,
    WEIGHTS,
    choices,
    profile_of,
)
from offbeat.packs.tvm.machine import MACHINE, first_break, is_meaningful
from offbeat.packs.tvm.rules import AMBIENT, RULES
from offbeat.packs.tvm.simulate import add_ambient, simulate


def sessions(seed: int, count: int, rate: float):
    rng = np.random.default_rng(seed)
    platform = rng.integers(0, len(PLATFORMS), count)
    title = rng.integers(0, len(titles().names), count)
    version = rng.integers(0, len(VERSIONS), count)
    partner = rng.integers(0, len(PARTNERS), count)
    profile = profile_of(platform, version, partner, titles().kind[title])
    viewings = simulate(profile, titles().beat_s[title], rng)
    return viewings, add_ambient(viewings, platform, rate, rng), title


def parts(viewings) -> list[slice]:
    begins = np.flatnonzero(np.diff(viewings.session, prepend=-1))
    return [slice(a, b) for a, b in zip(begins, np.append(begins[1:], len(viewings.code)), strict=True)]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 200), rate=st.floats(0, 2))
def test_sessions_keep_the_rules(seed, count, rate):
    bare, viewings, _ = sessions(seed, count, rate)
    assert len(parts(viewings)) == count
    for part in parts(viewings):
        codes = viewings.code[part].tolist()
        assert first_break(codes) is None
        assert is_meaningful(codes[0])
        assert is_meaningful(codes[-1])
        waits = np.diff(viewings.at_s[part])
        assert viewings.at_s[part][0] == 0
        assert (waits > 2 * 0.008).all()  # the largest jitter never changes the order
        assert (waits < 25 * 60).all()
    meaningful = viewings.code < len(MACHINE.events)
    assert (viewings.code[meaningful] == bare.code).all()
    assert (viewings.at_s[meaningful] == bare.at_s).all()
    assert (viewings.viewed_s <= viewings.length_s).all()


def test_a_lost_event_leaves_no_silence_of_half_an_hour():
    _, viewings, _ = sessions(1, 5_000, 0.0)
    for part in parts(viewings):
        at_s = viewings.at_s[part]
        assert (at_s[2:] - at_s[:-2]).max(initial=0) < 30 * 60


def test_a_session_loads_what_its_title_is():
    _, viewings, title = sessions(2, 500, 0.2)
    loads = {MACHINE.events.index(f"content_load_{kind}"): place for place, kind in enumerate(KIND_SHARES)}
    for number, part in enumerate(parts(viewings)):
        loaded = {loads[code] for code in viewings.code[part].tolist() if code in loads}
        assert loaded == {int(titles().kind[title[number]])}


def test_every_rule_is_taken_and_lengths_are_as_promised():
    _, viewings, _ = sessions(3, 6_000, 0.2)
    taken = set()
    for part in parts(viewings):
        state = 0
        for code in viewings.code[part].tolist():
            if is_meaningful(code):
                taken.add(int(MACHINE.rule[state, code]))
                state = MACHINE.after[state, code]
    assert taken == set(range(len(RULES)))
    lengths = np.bincount(viewings.session)
    assert 25 < lengths.mean() < 35


def test_no_choice_is_so_rare_that_it_looks_like_a_fault():
    chance = choices().chance
    steps = np.diff(chance, axis=2, prepend=0)
    steps = steps[steps > 1e-6]
    assert steps.min() > 1 / 300


def test_places_bound_by_a_rule_leave_no_choice():
    """What must come next, comes next: without ambient events the order of a session has little entropy."""
    chance = choices().chance
    steps = np.clip(np.diff(chance, axis=2, prepend=0), 1e-12, 1)
    nats = -(steps * np.log(steps)).sum(axis=2)
    _, viewings, _ = sessions(4, 3_000, 0.0)
    assert nats.mean(axis=0).max() < 1.6
    state, seen = 0, []
    for session_changes, code in zip(np.diff(viewings.session, prepend=0), viewings.code, strict=True):
        state = 0 if session_changes else state
        seen.append(state)
        state = MACHINE.after[state, code]
    assert nats.mean(axis=0)[seen].mean() < 0.5


def test_tables_speak_of_things_that_are_there():
    rules = {rule.name for rule in RULES}
    assert set(WEIGHTS) <= rules
    for habits in (PLATFORM_HABITS, VERSION_HABITS, AD_POLICIES):
        assert {name for habit in habits.values() for name in habit} <= rules
    assert list(PLATFORM_HABITS) == list(PLATFORMS) == list(AMBIENT_HABITS)
    assert list(VERSION_HABITS) == list(VERSIONS)
    assert {partner.ads for partner in PARTNERS} == set(AD_POLICIES)
    assert set(WAITS) <= set(MACHINE.events)
    assert all(len(weights) == len(AMBIENT) for weights in AMBIENT_HABITS.values())
    assert 0 < CRASH_WEIGHT < 1
    assert len(set(titles().names)) == len(titles().names)
    for shares in (PLATFORMS.values(), KIND_SHARES.values(), VERSION_SHARES, [p.share for p in PARTNERS]):
        assert sum(shares) == pytest.approx(1)
