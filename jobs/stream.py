"""spark-submit jobs/stream.py --config …: the same as `offbeat stream`."""

from offbeat.cli import job


def cli() -> None:
    """Entry point for a wheel task."""
    job("stream")


if __name__ == "__main__":
    cli()
