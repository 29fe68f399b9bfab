"""What is known of a session besides its events: encoded as in training, and learnt from."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from offbeat.detectors import create
from offbeat.detectors.base import Sequences
from offbeat.detectors.covariates import Covariates
from offbeat.detectors.encoding import encode_sessions
from offbeat.detectors.vocabulary import Vocabulary
from offbeat.errors import UsageError


def sessions_with(**values):
    n = len(next(iter(values.values())))
    known = {name: np.array(column, object) for name, column in values.items()}
    return replace(Sequences.from_lists([[4]] * n), covariates=known)


def test_categories_get_a_column_each_and_two_for_what_is_rare_or_missing():
    encoding = Covariates.fit(sessions_with(platform=["web", "ios", "web", None]), ["platform"])
    got = encoding.encode(sessions_with(platform=["web", "ios", "roku", None]))
    assert got.tolist() == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]


def test_versions_are_codes_though_they_read_as_numbers():
    encoding = Covariates.fit(sessions_with(version=["5.8", "6.0", "6.0"]), ["version"])
    assert encoding.columns[0].categories == ("6.0", "5.8")


def test_a_quantity_is_scaled_by_the_training_sessions_and_its_absence_said():
    encoding = Covariates.fit(sessions_with(age=[str(at) for at in range(101)]), ["age"])
    got = encoding.encode(sessions_with(age=["50", "87.065", None, "n/a", "nan", "1e9"]))
    assert got[:, 0] == pytest.approx([0, 1, 0, 0, 0, 5], abs=1e-3)
    assert got[:, 1].tolist() == [0, 0, 1, 1, 1, 0]


def test_sessions_without_the_covariate_are_all_missing():
    encoding = Covariates.fit(sessions_with(platform=["web", "ios"]), ["platform"])
    assert encoding.encode(Sequences.from_lists([[4], [5]])).tolist() == [[0, 0, 0, 1]] * 2


def test_the_encoding_survives_json():
    encoding = Covariates.fit(sessions_with(platform=["web", None], age=["1", "2"]), ["platform", "age"])
    assert Covariates.from_json(json.loads(json.dumps(encoding.to_json()))) == encoding


def test_a_covariate_that_no_session_has_is_refused():
    with pytest.raises(UsageError, match=r"no training session has a platfrom; .* did you mean platform"):
        Covariates.fit(sessions_with(platform=["web"]), ["platfrom"])


def test_covariates_are_read_from_the_sessions_map():
    rows = pa.table(
        {
            "events": pa.array([["a"], ["a", "a"]]),
            "times": pa.array([[None], [None, None]], pa.list_(pa.timestamp("us"))),
            "state": ["closed", "closed"],
            "continues": [False, False],
            "covariates": pa.array([[("platform", "web")], None], pa.map_(pa.string(), pa.string())),
        }
    )
    got = encode_sessions(rows, Vocabulary.fit({"a": 3}), ["platform", "app"])
    assert {name: list(values) for name, values in got.covariates.items()} == {
        "platform": ["web", None],
        "app": [None, None],
    }
    parts = got.take([1]), got.slice(0, 1)
    assert [list(part.covariates["platform"]) for part in parts] == [[None], ["web"]]


@pytest.fixture(scope="module", params=["lstm", "gru"])
def by_platform(request):
    """On the web 5 follows 4; elsewhere 6 does."""
    rows = [[4, then, *[7] * more] for more in range(1, 9) for then in (5, 6)]
    train = replace(Sequences.from_lists(rows), covariates={"platform": np.array(["web", "ios"] * 8, object)})
    detector = create(request.param)
    small = {
        "units": 8,
        "layers": 2,
        "embedding": 4,
        "epochs": 40,
        "batch": 2,
        "learning_rate": 0.02,
        "chunk": 2,
    }
    vocabulary = Vocabulary.fit(dict.fromkeys("abcde", 9))
    detector.fit(
        train, train.slice(0, 4), vocabulary=vocabulary, settings={**small, "covariates": "platform"}
    )
    return detector


def test_what_is_normal_depends_on_the_covariate(by_platform):
    web, ios = np.array(["web"] * 2, object), np.array(["ios"] * 2, object)
    both = Sequences.from_lists([[4, 5, 7, 7], [4, 6, 7, 7]])
    on_web = by_platform.score(replace(both, covariates={"platform": web}))
    on_ios = by_platform.score(replace(both, covariates={"platform": ios}))
    assert on_web[1] > on_web[0] + 2
    assert on_ios[0] > on_ios[1] + 2


def test_fast_path_files_and_mixtures_agree(by_platform):
    values = np.array(["web", "ios", None, "roku", "web"], object)
    rows = Sequences.from_lists(
        [[4, 5, 7, 7], [4, 5, 7, 7], [4, 5, 7], [], [4, 6]], ends=[True, True, False, True, True]
    )
    rows = replace(rows, covariates={"platform": values})
    scores = by_platform.score(rows)
    assert scores == pytest.approx(by_platform.reference_score(rows), abs=1e-4)
    alone = [by_platform.score(rows.slice(at, at + 1))[0] for at in range(len(rows))]
    assert scores == pytest.approx(alone, abs=1e-5)
    again = type(by_platform).from_files(by_platform.to_files())
    assert again.takes == ("platform",)
    assert again.score(rows).tolist() == scores.tolist()
    events = by_platform.surprise(rows, 2)
    largest = [events.surprise[low:high].max(initial=0) for low, high in itertools.pairwise(events.offsets)]
    assert scores == pytest.approx(largest, abs=1e-5)
