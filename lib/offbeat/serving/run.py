"""The verb `serve`: loads the champion, without Spark, and listens."""

from __future__ import annotations

import logging
import socket
import sys
from typing import Any, cast

from offbeat.config import Config
from offbeat.errors import UsageError
from offbeat.packs.top10.answers import Answering
from offbeat.serving.service import Service
from offbeat.tables import Lake
from offbeat.tabular import load_model
from offbeat.training.registry import Registry

log = logging.getLogger(__name__)


def load_service(conf: Config) -> Service:
    """The service of a config's champion.

    Raises:
        UsageError: the config is of another pack, or nothing is trained yet.
        GuardFailed: the model's files were changed.
    """
    if conf.pack != "top10":
        raise UsageError(
            f"serve: pack {conf.pack or 'none'} has no form; use a config with pack: top10, as conf/top10.yaml"
        )
    # Only the lake's folder is looked at: a form need not wait for Spark.
    lake = Lake(cast("Any", None), conf.lake, volume=conf.volume)
    registry = Registry(lake, conf.name, folder=conf.output.get("models"))
    version = registry.champion()
    if version is None:
        raise UsageError(
            f"lake {lake.location}: no model of {conf.name} yet; run `offbeat run --config …` first"
        )
    return Service(Answering(load_model(registry.path(version))))


def serve(conf: Config) -> dict[str, Any]:
    """Listen until stopped; gives the model that answered.

    Raises:
        UsageError: the address can't be listened on, or the packages of the form are not installed.
    """
    service = load_service(conf)
    try:
        import uvicorn

        from offbeat.serving.app import build_app
    except ImportError as error:
        raise UsageError(
            f"serve: the package {error.name} is not installed; install offbeat[serve]"
        ) from error
    bound = _bound(conf)
    host, port = bound.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    where = f"http://{shown}:{port}/"
    sys.stdout.write(f"Listening on {where} with model {service.answering.version}; stop with Ctrl-C\n")
    sys.stdout.flush()
    settings = uvicorn.Config(
        build_app(service),
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=10,
        lifespan="off",
    )
    with bound:
        uvicorn.Server(settings).run(sockets=[bound])
    return {"model_version": service.answering.version, "host": host, "port": port}


def _bound(conf: Config) -> socket.socket:
    family = socket.AF_INET6 if ":" in conf.serve.host else socket.AF_INET
    # Named as TCP, or asyncio leaves Nagle's delay on: 40 ms for each answer.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((conf.serve.host, conf.serve.port))
        bound.listen()  # before the address is told: who comes at once waits for an answer and is not refused
    except (OSError, OverflowError) as error:
        bound.close()
        raise UsageError(
            f"serve {conf.serve.host}:{conf.serve.port}: can't listen there ({error}); give "
            "another serve.port or serve.host"
        ) from None
    return bound
