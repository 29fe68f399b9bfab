"""spark-submit jobs/serve.py --config …: the same as `offbeat serve`."""

from offbeat.cli import job


def cli() -> None:
    """Entry point for a wheel task."""
    job("serve")


if __name__ == "__main__":
    cli()
