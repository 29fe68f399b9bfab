"""offbeat: finds the sessions, and the events inside them, that are out of sequence."""

__version__ = "0.1.0"
