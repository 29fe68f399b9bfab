"""What the session of others refuses, and who doesn't answer."""

from __future__ import annotations

import socket

import pytest

from offbeat import spark
from offbeat.errors import UsageError


class Conf:
    def __init__(self, error: str) -> None:
        self.error = error

    def set(self, *_):
        raise RuntimeError(self.error)


class Session:
    def __init__(self, error: str) -> None:
        self.conf = Conf(error)


class Frame:
    def persist(self):
        raise RuntimeError(
            "[NOT_SUPPORTED_WITH_SERVERLESS] PERSIST TABLE is not supported on serverless compute"
        )

    unpersist = persist


def test_a_setting_that_a_service_refuses_is_left_out():
    assert not spark.set_if_allowed(
        Session("[CONFIG_NOT_AVAILABLE] Configuration x is not available"), "x", "1"
    )
    with pytest.raises(RuntimeError, match="no such"):
        spark.set_if_allowed(Session("no such thing"), "x", "1")


def test_where_nothing_can_be_kept_the_frame_is_made_again():
    frame = Frame()
    assert spark.keep(frame) is frame
    spark.let_go(frame)


def test_a_server_that_does_not_answer_is_told_in_one_line(monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.delenv("DATABRICKS_RUNTIME_VERSION", raising=False)
    monkeypatch.setenv("SPARK_REMOTE", f"sc://127.0.0.1:{port}/;token=secret")
    with pytest.raises(UsageError, match=f"nobody answers at 127.0.0.1:{port}") as told:
        spark.open_session()
    assert "secret" not in str(told.value)


@pytest.mark.parametrize("remote", ["127.0.0.1:15002", "http://x", "sc://", "sc://x:port;token=secret"])
def test_a_remote_that_is_none_is_told_without_its_token(monkeypatch, remote):
    monkeypatch.setenv("SPARK_REMOTE", remote)
    with pytest.raises(UsageError, match="expected sc://HOST") as told:
        spark.open_session()
    assert "secret" not in str(told.value)
