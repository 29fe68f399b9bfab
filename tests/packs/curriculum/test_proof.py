"""What was planted is found: recall at least 0.95 at one false alarm in a thousand entities at most, also at worst."""

from __future__ import annotations

import sys
from collections import defaultdict

import pytest

from tests.packs.curriculum.proof import likely_right, make_log, prove

pytestmark = pytest.mark.spark
SMALL = 30_000


# The interval is one of 95 %: of twenty it may miss one or two. A path is misspelt for good where what was meant was
# opened once or never, and no part of it is known.
LEAST_MEAN = {"interval": 0.85, "typing_error": 0.95}
LEAST_WORST = {"interval": 0.0, "typing_error": 0.9}
UNSEEN = {"outage"}  # in a log of such sizes too few come in an hour that a morning without them would tell


def most_false(entities: int) -> int:
    """One in a thousand, and one where there are fewer."""
    return max(1, entities // 1000)


@pytest.mark.parametrize("seed", [0, 1])
def test_what_is_planted_in_a_small_log_is_found(spark, tmp_path, seed):
    log = make_log(spark, tmp_path / "log", rows=SMALL, seed=seed)
    try:
        for kind, one in prove(log).items():
            assert kind in UNSEEN or one.recall >= LEAST_WORST.get(kind, 0.95), f"{kind}: {one}"
            assert one.false_alarms <= most_false(one.entities), f"{kind}: {one}"
    finally:
        log.accesses.unpersist()


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_twenty_seeds_mean_and_worst(spark, tmp_path, capsys):
    """At a size where every plant has several; prints the figures, of each seed as it comes."""
    recalls, false, hidden = defaultdict(list), defaultdict(list), []
    for seed in range(20):
        log = make_log(spark, tmp_path / f"{seed}", rows=120_000, seed=seed)
        made = prove(log)
        for kind, one in made.items():
            recalls[kind].append((len(one.planted & one.found), len(one.planted)))
            false[kind].append((one.false_alarms, one.entities))
        hidden.append(likely_right(log))
        short = [f"{kind} {one.recall:.3f} {one.false_alarms}/{one.entities}" for kind, one in made.items()]
        with capsys.disabled():
            sys.stdout.write(f"\n{seed}: {', '.join(short)}; hidden {hidden[-1]}; {made['shutoff'].note}")
            sys.stdout.flush()
        log.accesses.unpersist()
        spark.catalog.clearCache()
    rates = {kind: sum(n for n, _ in found) / sum(of for _, of in found) for kind, found in false.items()}
    means = {kind: sum(h for h, _ in found) / sum(of for _, of in found) for kind, found in recalls.items()}
    worst = {kind: min(h / of for h, of in found if of) for kind, found in recalls.items()}
    told = [""]
    for kind, mean in means.items():
        highest = max(1000 * n / of for n, of in false[kind])
        told.append(
            f"{kind:12} recall {mean:.3f}, worst of 20 seeds {worst[kind]:.3f}; false alarms per thousand "
            f"{1000 * rates[kind]:.2f}, worst {highest:.2f}"
        )
    told.append(f"hidden cohorts (users, said with 0.8 or more, right): {hidden}")
    with capsys.disabled():
        sys.stdout.write("\n".join(told) + "\n")
    assert {
        kind: mean for kind, mean in means.items() if kind not in UNSEEN and mean < LEAST_MEAN.get(kind, 0.95)
    } == {}
    assert {
        kind: one for kind, one in worst.items() if kind not in UNSEEN and one < LEAST_WORST.get(kind, 0.95)
    } == {}
    assert {kind: rate for kind, rate in rates.items() if rate > 0.001} == {}
    assert {
        kind: found
        for kind, found in false.items()
        if kind not in UNSEEN and any(n > most_false(of) for n, of in found)
    } == {}
    said, right = (sum(one[place] for one in hidden) for place in (1, 2))
    assert said > 0
    assert right >= 0.8 * said
