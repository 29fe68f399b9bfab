"""A small catalogue and its examples, made once."""

from __future__ import annotations

import pytest

from offbeat.packs.top10.examples import EARLY
from tests.packs.top10.making import examples_of, simulated


@pytest.fixture(scope="session")
def made():
    return simulated()


@pytest.fixture(scope="session")
def before(made):
    return examples_of(made)


@pytest.fixture(scope="session")
def early(made):
    return examples_of(made, EARLY)
