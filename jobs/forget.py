"""spark-submit jobs/forget.py --config …: the same as `offbeat forget`."""

from offbeat.cli import job


def cli() -> None:
    """Entry point for a wheel task."""
    job("forget")


if __name__ == "__main__":
    cli()
