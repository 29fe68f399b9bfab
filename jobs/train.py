"""spark-submit jobs/train.py --config …: the same as `offbeat train`."""

from offbeat.cli import job


def cli() -> None:
    """Entry point for a wheel task."""
    job("train")


if __name__ == "__main__":
    cli()
