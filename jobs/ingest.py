"""spark-submit jobs/ingest.py --config …: the same as `offbeat ingest`."""

from offbeat.cli import job


def cli() -> None:
    """Entry point for a wheel task."""
    job("ingest")


if __name__ == "__main__":
    cli()
