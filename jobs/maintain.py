"""spark-submit jobs/maintain.py --config …: the same as `offbeat maintain`."""

from offbeat.cli import job


def cli() -> None:
    """Entry point for a wheel task."""
    job("maintain")


if __name__ == "__main__":
    cli()
