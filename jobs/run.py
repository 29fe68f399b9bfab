"""spark-submit jobs/run.py --config …: the same as `offbeat run`."""

from offbeat.cli import job


def cli() -> None:
    """Entry point for a wheel task."""
    job("run")


if __name__ == "__main__":
    cli()
