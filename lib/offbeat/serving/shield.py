"""What stands before every request: limits of size and number, and headers that tell browsers to be strict."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_BODY = 64 * 1024
MAX_UPLOAD = 5 * 1024 * 1024
MAX_AT_ONCE = 200
_UPLOADS = ("/batch",)
_NO_PAGES = ("/api/", "/health", "/openapi.json")
_MEGABYTE = 1024 * 1024


def headers(policy: str) -> list[tuple[bytes, bytes]]:
    """Security headers of every response."""
    found = {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "permissions-policy": "camera=(), geolocation=(), microphone=()",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "cache-control": "no-store",
    }
    return [(name.encode(), value.encode()) for name, value in found.items()]


def wants_page(path: str, accepted: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a browser asks, and not a program: an error is then a page.

    Args:
        accepted: the request's headers.
    """
    said = dict(accepted).get(b"accept", b"")
    return b"text/html" in said and not path.startswith(_NO_PAGES)


class Shield:
    """Wraps an ASGI application.

    Args:
        policy: content security policy of its pages.
        page: an error as a page, from its status and words.
    """

    def __init__(
        self, app: Any, *, policy: str, page: Callable[[int, str], str], at_once: int = MAX_AT_ONCE
    ) -> None:
        self._app = app
        self._page = page
        self._headers = headers(policy)
        self._at_once = at_once
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] == "HEAD":  # as GET; the server leaves the body out
            scope = {**scope, "method": "GET"}
        limit = MAX_UPLOAD if scope["path"] in _UPLOADS else MAX_BODY
        if _length(scope) > limit:
            await self._refuse(scope, send, 413, _too_large(limit))
        elif self._running >= self._at_once:
            await self._refuse(scope, send, 429, "Too many requests at once; try again in a moment.")
        else:
            await self._pass(scope, receive, send, limit)

    async def _pass(self, scope: Scope, receive: Receive, send: Send, limit: int) -> None:
        taken, begun, refused = 0, False, False

        async def counted() -> MutableMapping[str, Any]:
            nonlocal taken, refused
            message = await receive()
            taken += len(message.get("body", b""))
            if taken <= limit:
                return message
            if not begun and not refused:
                refused = True
                await self._refuse(scope, send, 413, _too_large(limit))
            return {"type": "http.disconnect"}

        async def strict(message: MutableMapping[str, Any]) -> None:
            nonlocal begun
            if refused:  # it is answered already
                return
            if message["type"] == "http.response.start":
                begun = True
                message["headers"] = [*message.get("headers", []), *self._headers]
            await send(message)

        self._running += 1
        try:
            await self._app(scope, counted, strict)
        except Exception:
            if not refused:
                raise
        finally:
            self._running -= 1

    async def _refuse(self, scope: Scope, send: Send, status: int, text: str) -> None:
        as_page = wants_page(scope["path"], scope["headers"])
        body = (self._page(status, text) if as_page else json.dumps({"error": text})).encode()
        kind = b"text/html; charset=utf-8" if as_page else b"application/json"
        sent = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
        again = [(b"retry-after", b"1")] if status == 429 else [(b"connection", b"close")]  # noqa: PLR2004
        await send(
            {"type": "http.response.start", "status": status, "headers": [*sent, *again, *self._headers]}
        )
        await send({"type": "http.response.body", "body": body})


def _too_large(limit: int) -> str:
    size = f"{limit // _MEGABYTE} MB" if limit >= _MEGABYTE else f"{limit // 1024} kB"
    return f"The request is too large; at most {size} are taken."


def _length(scope: Scope) -> int:
    given = dict(scope["headers"]).get(b"content-length", b"0")
    return int(given) if given.isdigit() else 0
