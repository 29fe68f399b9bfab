"""spark-submit jobs/report.py --config …: the same as `offbeat report`."""

from offbeat.cli import job


def cli() -> None:
    """Entry point for a wheel task."""
    job("report")


if __name__ == "__main__":
    cli()
