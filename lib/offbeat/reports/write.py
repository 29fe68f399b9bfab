"""Writing a page so that a reader sees the old one or the new one, never half of one."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from offbeat.reports.data import Head

log = logging.getLogger(__name__)

_PAGE_LIMIT = 2_000_000  # bytes; a page must open on a phone and go through mail
_TOP_BYTES = 20_000  # what a page is made of stands before its styles


@dataclass
class Pages:
    """Pages in a folder, counted; one that is made of what is the same as before is left as it is.

    Attributes:
        pages: how many there are.
        written: how many of them were written.
    """

    folder: Path
    pages: int = 0
    written: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """What a step says of them."""
        return {"pages": self.pages, "pages_written": self.written}

    def write(self, name: str, head: Head, render: Callable[[], str], *, always: bool = False) -> str:
        """Write a page where it is not there as it would be made now; gives its path.

        Args:
            render: makes the page; not called where it is there.
            always: also then.
        """
        target = self.folder / name
        self.pages += 1
        if always or not is_made_of(target, head):
            write_page(target, render())
            self.written += 1
        return str(target)


def is_made_of(page: Path, head: Head) -> bool:
    """Whether the page is there and says that it was made of just that."""
    try:
        with page.open("rb") as stream:
            top = stream.read(_TOP_BYTES)
    except FileNotFoundError:
        return False
    return f'name="offbeat-made-of" content="{head.made_of}"'.encode() in top


def write_page(path: str | Path, html: str) -> Path:
    """Write a page atomically, as UTF-8 with Unix line ends; makes its folder where there is none.

    Whoever makes a page has to bound what is on it. One that is too large all the same is written, with a warning: a
    run that has found its anomalies doesn't fail for it.
    """
    content = html.encode("utf-8")
    if len(content) >= _PAGE_LIMIT:
        log.warning(
            "page %s has %s bytes; it should have fewer than %s",
            path,
            f"{len(content):,}",
            f"{_PAGE_LIMIT:,}",
        )
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        part.chmod(0o644)  # mkstemp makes it private; a page is for others
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return target
