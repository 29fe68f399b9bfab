"""Rows, explanations and answers of a saved model."""

from __future__ import annotations

import numpy as np
import pytest

from offbeat.config import Catalogue
from offbeat.errors import GuardFailed, UsageError
from offbeat.packs.top10.answers import Answering, question_of
from offbeat.packs.top10.catalogues import assert_fields
from offbeat.packs.top10.examples import BEFORE, EARLY
from offbeat.packs.top10.explain import Explainer
from offbeat.packs.top10.features import Encoding, field_of, fit_encoding
from offbeat.packs.top10.learn import learn
from offbeat.packs.top10.normalize import normalize_title
from offbeat.packs.top10.options import Options
from offbeat.packs.top10.samples import split
from offbeat.packs.top10.treemap import squarify
from offbeat.tabular import load_model
from offbeat.tabular.base import logit
from tests.packs.top10.making import saved_model


def test_what_is_not_known_is_nan_and_never_zero():
    numbers = [{"metascore": 70.0}, {}] * 20
    texts = [{"genre": ["Drama"], "kind": ["film"]}, {"kind": ["film"]}] * 20
    encoding = fit_encoding(numbers, texts, np.array([1, 0] * 20), fields=("metascore", "runtime_min"))
    table = encoding.table(numbers, texts)
    assert encoding.columns == ("metascore", "kind=film", "genre=Drama")  # no title has a runtime
    assert table[0].tolist() == [70.0, 1.0, 1.0]
    assert np.isnan(table[1]).tolist() == [True, False, True]


def test_people_count_by_earlier_titles_drawn_towards_the_mean():
    numbers = [
        {"director_tries": 4.0, "director_charted": 4.0},
        {"director_tries": 0.0, "director_charted": 0.0},
    ] * 20
    encoding = fit_encoding(numbers, [{}] * 40, np.array([1, 0, 0, 0] * 10), fields=())
    assert encoding.columns == ("director_rate", "director_tries")
    table = encoding.table(numbers[:2], [{}, {}])
    assert table[:, 0].tolist() == [(4 + 4 * 0.25) / 8, 0.25]


def test_an_encoding_survives_its_text(before):
    encoding = fit_encoding(before.numbers, before.texts, before.labels, fields=("metascore", "age_years"))
    again = Encoding.from_json(encoding.to_json())
    assert again == encoding
    assert np.array_equal(
        again.table(before.numbers[:9], before.texts[:9]),
        encoding.table(before.numbers[:9], before.texts[:9]),
        equal_nan=True,
    )


def test_effects_of_a_logistic_regression_add_up_exactly(before):
    parts = split(before, by="entity", holdout=0.3, seed=0)
    found = learn(parts.train, BEFORE, Options(models=("logistic",), folds=2), seed=0)
    model = found.models["logistic"]
    table = found.encoding.table(parts.test.numbers, parts.test.texts)
    explainer = Explainer(model, found.encoding.columns, table[:4])
    for row in table[:20]:
        probability, effects = explainer.answer(row)
        assert effects.sum() == pytest.approx(
            float(logit(np.array([probability]))[0]) - model.slope * model.member.bias - model.bias
        )
        assert probability == model.predict(row[None, :])[0]


def test_effects_of_trees_are_what_replacing_the_field_does(before):
    parts = split(before, by="entity", holdout=0.3, seed=0)
    found = learn(parts.train, BEFORE, Options(models=("boosting",), folds=2), seed=0)
    model, columns = found.models["boosting"], found.encoding.columns
    table = found.encoding.table(parts.test.numbers, parts.test.texts)
    background, row = table[:3], table[10]
    explainer = Explainer(model, columns, background)
    probability, effects = explainer.answer(row)
    field = "metascore"
    mine = [i for i, column in enumerate(columns) if field_of(column) == field]
    replaced = np.repeat(row[None, :], 3, axis=0)
    replaced[:, mine] = background[:, mine]
    wanted = logit(np.array([probability]))[0] - logit(model.predict(replaced)).mean()
    assert effects[explainer.fields.index(field)] == pytest.approx(wanted)


def test_a_saved_model_answers_and_a_changed_one_is_refused(tmp_path):
    version = saved_model(tmp_path)
    folder = tmp_path / "models" / "top10" / version
    saved = load_model(folder)
    answering = Answering(saved)
    assert {name.partition(":")[0] for name in saved.model.names} == {BEFORE, EARLY}
    assert len(saved.model.names) == 4  # two models of each question; they are judged as they were saved
    numbers = {"metascore": 90.0, "age_years": 0.0}
    said = answering.answer(BEFORE, numbers, {"genre": ["Action"], "kind": ["film"]})
    assert 0 < said.probability < 1
    assert said.yes == (said.probability >= 0.5)
    assert [abs(r.effect) for r in said.reasons] == sorted(
        (abs(r.effect) for r in said.reasons), reverse=True
    )
    name, tries, charted = next(iter(answering.people["director"].values()))
    assert answering.history({"director": [name.upper()]}) == {
        "director_tries": tries,
        "director_charted": charted,
    }
    model = folder / "model.json"
    model.chmod(0o644)
    model.write_bytes(model.read_bytes().replace(b"0", b"1", 1))
    with pytest.raises(GuardFailed, match="changed"):
        load_model(folder)


def test_hours_decide_which_model_answers():
    assert question_of({"metascore": 1.0}) == BEFORE
    assert question_of({"weekly_hours_viewed": 5e6}) == EARLY


@pytest.mark.parametrize(
    "title, norm",
    [
        ("Ìjọ̀gbọ̀n", "ijogbon"),
        ("Pokémon: Détective & Co.", "pokemon detective and co"),
        ("  THE   Queen's Gambit ", "the queens gambit"),
        ("WALL·E", "wall e"),
        ("Señorita_89", "senorita 89"),
        ("오징어 게임", "오징어 게임"),
        ("!!!", ""),
    ],
)
def test_titles_in_one_spelling(title, norm):
    assert normalize_title(title) == norm


def test_treemap_areas_are_shares_and_nothing_overlaps():
    sizes = [6, 6, 4, 3, 2, 2, 1]
    boxes = squarify(sizes)
    areas = [(b.x2 - b.x) * (b.y2 - b.y) for b in boxes]
    assert areas == pytest.approx([10_000 * size / 24 for size in sizes])
    for i, a in enumerate(boxes):
        assert 0 <= a.x <= a.x2 <= 100.000001
        assert 0 <= a.y <= a.y2 <= 100.000001
        for b in boxes[i + 1 :]:
            width, height = min(a.x2, b.x2) - max(a.x, b.x), min(a.y2, b.y2) - max(a.y, b.y)
            assert width <= 1e-9 or height <= 1e-9
    assert squarify([]) == []


@pytest.mark.parametrize(
    "given, words",
    [
        ({"modles": ["forest"]}, "did you mean models"),
        ({"models": ["oracle"]}, "unknown oracle"),
        ({"models": []}, "none given"),
        ({"trials": -1}, "from 0 to"),
        ({"fill": {"votes": "zero"}}, "field: number"),
        ({"extra_features": [1]}, "list of names"),
    ],
)
def test_settings_that_cant_be_meant(given, words):
    with pytest.raises(UsageError, match=words):
        Options.of(given)


@pytest.mark.parametrize(
    "columns, words",
    [({"title": "t", "diretor": "d"}, "did you mean director"), ({"year": "y"}, "columns has no title")],
)
def test_a_catalogue_with_a_wrong_field_is_refused(columns, words):
    with pytest.raises(UsageError, match=words):
        assert_fields(Catalogue(name="mine", path="x.csv", columns=columns))
