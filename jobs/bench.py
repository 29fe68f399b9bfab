"""spark-submit jobs/bench.py --config …: the same as `offbeat bench`."""

from offbeat.cli import job


def cli() -> None:
    """Entry point for a wheel task."""
    job("bench")


if __name__ == "__main__":
    cli()
