"""spark-submit jobs/generate.py --config …: the same as `offbeat generate`."""

from offbeat.cli import job


def cli() -> None:
    """Entry point for a wheel task."""
    job("generate")


if __name__ == "__main__":
    cli()
