"""spark-submit jobs/status.py --config …: the same as `offbeat status`."""

from offbeat.cli import job


def cli() -> None:
    """Entry point for a wheel task."""
    job("status")


if __name__ == "__main__":
    cli()
