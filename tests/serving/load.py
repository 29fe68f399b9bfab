"""Asks a server many single questions over kept connections, and says how fast the answers came."""

from __future__ import annotations

import asyncio
import json
import time

TITLE = {
    "metascore": 71,
    "rating_label": "PG-13",
    "year": 2024,
    "genre": ["Thriller", "Drama"],
    "cast": ["Ada Abbott", "Bruno Berg"],
    "director": "Greta Berg",
}


async def _ask_in_turn(host: str, port: int, stop: float, taken: list[float], statuses: list[int]) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    number = 0
    while time.perf_counter() < stop:
        number += 1
        body = json.dumps({**TITLE, "metascore": 1 + number % 100}).encode()
        head = (
            f"POST /api/v1/predict HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        start = time.perf_counter()
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        taken.append(time.perf_counter() - start)
        statuses.append(int(answer.split(b" ", 2)[1]))
    writer.close()


def load(host: str, port: int, *, seconds: float, connections: int) -> dict[str, float]:
    """Requests a second, and latency in milliseconds at the 50th and 99th percentile."""
    taken: list[float] = []
    statuses: list[int] = []

    async def together() -> None:
        stop = time.perf_counter() + seconds
        asks = [_ask_in_turn(host, port, stop, taken, statuses) for _ in range(connections)]
        await asyncio.gather(*asks)

    start = time.perf_counter()
    asyncio.run(together())
    spent = time.perf_counter() - start
    taken.sort()
    return {
        "per_second": len(taken) / spent,
        "p50_ms": 1000 * taken[len(taken) // 2],
        "p99_ms": 1000 * taken[int(len(taken) * 0.99)],
        "failed": sum(status != 200 for status in statuses),
    }
