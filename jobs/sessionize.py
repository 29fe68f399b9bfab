"""spark-submit jobs/sessionize.py --config …: the same as `offbeat sessionize`."""

from offbeat.cli import job


def cli() -> None:
    """Entry point for a wheel task."""
    job("sessionize")


if __name__ == "__main__":
    cli()
