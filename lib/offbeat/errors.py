"""Errors that a user can mend; each carries the exit status of its kind.

A message is one line: what is wrong, where, and what to do. Anything that is not one of these is a bug.
"""


class OffbeatError(Exception):
    """Base of all errors of ours; exit status 1."""

    exit_status = 1


class UsageError(OffbeatError):
    """Raised for wrong usage, a wrong config, or a lake that something else wrote; exit status 2."""

    exit_status = 2


class InputRefused(OffbeatError):
    """Raised for input that can't be taken (missing, empty, a column not there, too much refused); exit status 3."""

    exit_status = 3


class GuardFailed(OffbeatError):
    """Raised when a guard stops the run: leakage, a foreign or damaged model, drift when asked; exit status 4."""

    exit_status = 4
