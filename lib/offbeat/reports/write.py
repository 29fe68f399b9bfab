"""Writing a page so that a reader sees the old one or the new one, never half of one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

_PAGE_LIMIT = 2_000_000  # bytes; a page must open on a phone and go through mail


def write_page(path: str | Path, html: str) -> Path:
    """Write a page atomically, as UTF-8 with Unix line ends; makes its folder where there is none.

    Raises:
        ValueError: the page is 2 MB or larger; whoever made it has to bound what is on it.
    """
    content = html.encode("utf-8")
    if len(content) >= _PAGE_LIMIT:
        raise ValueError(
            f"{path}: the page has {len(content):,} bytes; fewer than {_PAGE_LIMIT:,} are allowed"
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
