"""spark-submit jobs/promote.py --config …: the same as `offbeat promote`."""

from offbeat.cli import job


def cli() -> None:
    """Entry point for a wheel task."""
    job("promote")


if __name__ == "__main__":
    cli()
