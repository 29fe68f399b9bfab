"""Where the lake is a catalog and models and pages lie on a volume: they are found there, too. No Spark is asked."""

from __future__ import annotations

import json

import pytest

from offbeat.config import Config
from offbeat.operations import forget, status
from offbeat.tables import Lake

WHO = "zebra-4711"


def conf_with(**more) -> Config:
    return Config.model_validate({"name": "t", "lake": "main.offbeat", "source": [{"path": "x"}]} | more)


def a_model(folder) -> None:
    version = folder / "models" / "t" / "v1"
    version.mkdir(parents=True)
    (version / "manifest.json").write_text(f'{{"seen": "{WHO}"}}')
    (folder / "models" / "t" / "champion.json").write_text(json.dumps({"champion": "v1"}))


@pytest.fixture
def volume(tmp_path):
    a_model(tmp_path / "volume")
    pages = tmp_path / "volume" / "pages"
    for config, name in (("t", WHO), ("other", WHO), ("third", "zebra-47112")):
        (pages / config).mkdir(parents=True)
        (pages / config / "a.html").write_text(f"<td>{name}</td>")
    return tmp_path / "volume"


def task(volume, conf) -> forget.Forgetting:
    lake = Lake(None, "main.offbeat", volume=volume and str(volume))
    return forget.Forgetting(lake, conf, (), WHO, run_date=None)


def test_status_names_the_champion_on_the_volume(volume):
    assert status._model(Lake(None, "main.offbeat", volume=str(volume)), conf_with())["champion"] == "v1"
    assert status._model(Lake(None, "main.offbeat"), conf_with())["champion"] is None


def test_pages_on_the_volume_that_name_an_entity_go(volume):
    assert forget._files(task(volume, conf_with())) == {"pages_removed": 2, "models_naming": 1}
    assert [page.parent.name for page in volume.rglob("*.html")] == ["third"]


def test_pages_go_where_the_config_puts_them_and_nothing_else_does(tmp_path):
    named = tmp_path / "named"
    a_model(named)
    (named / "index.html").write_text(WHO)
    (named / "log.csv").write_text(WHO)
    conf = conf_with(output={"pages": str(named), "models": str(named)})
    assert forget._files(task(None, conf)) == {"pages_removed": 1, "models_naming": 1}
    assert (named / "log.csv").exists()
