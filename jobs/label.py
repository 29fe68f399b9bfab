"""spark-submit jobs/label.py --config …: the same as `offbeat label`."""

from offbeat.cli import job


def cli() -> None:
    """Entry point for a wheel task."""
    job("label")


if __name__ == "__main__":
    cli()
