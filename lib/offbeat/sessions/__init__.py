"""From events to sessions: batch, incremental and streaming are one algorithm.

`build_sessions` cuts any set of whole runs of events into sessions; `incremental` finds which runs new events
touch and has those made again; `run` does both for the tables of a lake.
"""

from offbeat.sessions.build import build_sessions
from offbeat.sessions.rules import Rules

__all__ = ["Rules", "build_sessions"]
