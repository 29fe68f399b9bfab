"""Where a model's scoring goes on: the stream over sessions, and the version of sessions that it begins after."""

from __future__ import annotations

from typing import NamedTuple
from uuid import uuid4

from offbeat.tables.contract import SESSION_SCORES, SESSIONS
from offbeat.tables.lake import Lake

_PROPERTY = "offbeat.scores.start"  # of session_scores, followed by the model's name and version
_WHOLE = -1  # sessions are scored as they are, then what changes


class Start(NamedTuple):
    """What a model's scores rest on where its stream was begun anew; a stream's own way is to begin with the whole."""

    sessions_version: int
    checkpoint: str

    @classmethod
    def of(cls, lake: Lake, name: str, version: str) -> Start | None:
        """The start that was noted of a model's stream; None where none was."""
        found = lake.property(SESSION_SCORES, f"{_PROPERTY}.{name}.{version}")
        if found is None:
            return None
        after, _, checkpoint = found.partition(" ")
        return cls(int(after), checkpoint)

    @classmethod
    def of_whole(cls, name: str, version: str) -> Start:
        """The start of a stream that nobody has noted one of: all sessions come first."""
        return cls(_WHOLE, f"score/{name}/{version}")

    @classmethod
    def after(cls, sessions_version: int, name: str, version: str) -> Start:
        """A fresh stream of what comes after a version of sessions."""
        return cls(sessions_version, f"score/{name}/{version}/{uuid4().hex}")

    def note(self, lake: Lake, name: str, version: str) -> None:
        """Let the model's scoring go on from here."""
        said = f"{self.sessions_version} {self.checkpoint}"
        lake.set_property(SESSION_SCORES, f"{_PROPERTY}.{name}.{version}", said)

    @property
    def options(self) -> dict[str, str]:
        """Options of the stream over sessions."""
        feed = {"readChangeFeed": "true"}
        return (
            feed
            if self.sessions_version == _WHOLE
            else {"startingVersion": str(self.sessions_version + 1), **feed}
        )


def begin_anew(lake: Lake, name: str, version: str, *, is_up_to_date: bool) -> None:
    """Leave the model's stream: the history that it would go on from is about to be removed.

    Args:
        is_up_to_date: whether the model has scored all sessions as they are; else it scores all of them again.
    """
    after = lake.version(SESSIONS) if is_up_to_date else _WHOLE
    Start.after(after, name, version).note(lake, name, version)
