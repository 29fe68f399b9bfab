"""spark-submit jobs/score.py --config …: the same as `offbeat score`."""

from offbeat.cli import job


def cli() -> None:
    """Entry point for a wheel task."""
    job("score")


if __name__ == "__main__":
    cli()
