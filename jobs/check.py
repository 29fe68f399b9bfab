"""spark-submit jobs/check.py --config …: the same as `offbeat check`."""

from offbeat.cli import job


def cli() -> None:
    """Entry point for a wheel task."""
    job("check")


if __name__ == "__main__":
    cli()
