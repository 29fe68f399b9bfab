"""spark-submit jobs/rollback.py --config …: the same as `offbeat rollback`."""

from offbeat.cli import job


def cli() -> None:
    """Entry point for a wheel task."""
    job("rollback")


if __name__ == "__main__":
    cli()
