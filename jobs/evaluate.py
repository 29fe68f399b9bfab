"""spark-submit jobs/evaluate.py --config …: the same as `offbeat evaluate`."""

from offbeat.cli import job


def cli() -> None:
    """Entry point for a wheel task."""
    job("evaluate")


if __name__ == "__main__":
    cli()
