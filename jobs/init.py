"""spark-submit jobs/init.py --config …: the same as `offbeat init`."""

from offbeat.cli import job


def cli() -> None:
    """Entry point for a wheel task."""
    job("init")


if __name__ == "__main__":
    cli()
