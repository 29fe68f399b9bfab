"""A trained model and its service, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the form needs offbeat[serve]")

from offbeat.config import Config
from offbeat.serving.run import load_service
from tests.packs.top10.making import saved_model


@pytest.fixture(scope="session")
def form_lake(tmp_path_factory) -> Path:
    """A lake that holds a trained model and nothing else."""
    folder = tmp_path_factory.mktemp("form") / "lake"
    saved_model(folder)
    return folder


@pytest.fixture(scope="session")
def service(form_lake):
    conf = Config.model_validate({"name": "top10", "pack": "top10", "lake": str(form_lake), "source": []})
    return load_service(conf)


@pytest.fixture(scope="session")
def client(service):
    from fastapi.testclient import TestClient

    from offbeat.serving.app import build_app

    return TestClient(build_app(service), base_url="http://127.0.0.1")
