"""A PostgreSQL of a test's own, from Debian's packages, on loopback."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Self

import pytest

PASSWORD = "s3cret-of-the-test"  # noqa: S105 - of a database that lives as long as a test
USER = "postgres"  # of the system, and of the database


def _folder_of_programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl")) or [shutil.which("pg_ctl")]
    return Path(found[-1]).parent if found[-1] else None


def _install() -> None:
    apt = shutil.which("apt-get")
    if os.geteuid() != 0 or apt is None:
        pytest.skip("no PostgreSQL here, and this isn't root on Debian: apt-get install postgresql")
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run([apt, "update", "-q"], env=env, check=False, capture_output=True)
    done = subprocess.run(
        [apt, "install", "-y", "-q", "--no-install-recommends", "postgresql"],
        env=env,
        check=False,
        capture_output=True,
    )
    if done.returncode:
        pytest.skip("no PostgreSQL here, and apt-get can't install it")


class PostgreSQL:
    """Started by `with`, stopped and removed at its end."""

    def __enter__(self) -> Self:
        if _folder_of_programs() is None:
            _install()
        self._programs = _folder_of_programs()
        self.folder = Path(
            tempfile.mkdtemp(prefix="offbeat-pg-")
        )  # of pytest's folders root alone can see inside
        if os.geteuid() == 0:
            shutil.chown(self.folder, USER, USER)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        word = self.folder / "word"
        word.write_text(PASSWORD)
        self._run("initdb", "-D", "data", "-U", USER, "-A", "scram-sha-256", "--pwfile=word", "-E", "UTF8")
        settings = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder}"
        self._run("pg_ctl", "-D", "data", "-l", "log", "-w", "-o", settings, "start")
        return self

    def __exit__(self, *_: object) -> None:
        self._run("pg_ctl", "-D", "data", "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def url(self) -> str:
        return f"jdbc:postgresql://127.0.0.1:{self.port}/postgres"

    def execute(self, sql: str) -> None:
        place = ("-h", "127.0.0.1", "-p", str(self.port), "-U", USER, "-v", "ON_ERROR_STOP=1", "-q")
        self._run("psql", *place, text=sql)

    def _run(self, program: str, *arguments: str, text: str | None = None) -> None:
        """As the user postgres where this is root, whom PostgreSQL does not take."""
        command = [str(self._programs / program), *arguments]
        if os.geteuid() == 0:
            command = ["runuser", "-u", USER, "--", *command]
        env = os.environ | {"PGPASSWORD": PASSWORD, "LC_ALL": "C.UTF-8"}
        with (self.folder / "out").open("w+") as out:  # no pipe: the server would keep it open
            done = subprocess.run(
                command, cwd=self.folder, env=env, input=text, stdout=out, stderr=out, text=True, check=False
            )
            out.seek(0)
            assert done.returncode == 0, out.read()
