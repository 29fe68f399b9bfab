"""`python -m offbeat VERB`: the command line."""

from offbeat.cli import cli

cli()
