"""Squarified treemaps: rectangles whose areas are shares, as square as can be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Box(NamedTuple):
    """A rectangle; the whole is 100 by 100."""

    x: float
    y: float
    x2: float
    y2: float


WHOLE = Box(0, 0, 100, 100)


def squarify(sizes: Sequence[float], box: Box = WHOLE) -> list[Box]:
    """A rectangle for each size, in order; largest first gives the best shapes.

    References: Bruls, Huizing, van Wijk, Squarified treemaps, 2000.
    """
    total = float(sum(sizes))
    if total <= 0:
        return []
    scale = (box.x2 - box.x) * (box.y2 - box.y) / total
    areas = [max(0.0, size) * scale for size in sizes]
    made: list[Box] = []
    left = box
    while areas:
        side = min(left.x2 - left.x, left.y2 - left.y)
        count = 1
        while count < len(areas) and _worst(areas[: count + 1], side) <= _worst(areas[:count], side):
            count += 1
        boxes, left = _row(areas[:count], left)
        made += boxes
        areas = areas[count:]
    return made


def _worst(row: Sequence[float], side: float) -> float:
    """The largest ratio of sides in a row along a side."""
    total = sum(row)
    if total <= 0 or side <= 0 or min(row) <= 0:
        return float("inf")
    return max(side**2 * max(row) / total**2, total**2 / (side**2 * min(row)))


def _row(row: Sequence[float], box: Box) -> tuple[list[Box], Box]:
    """Rectangles along the shorter side, and what is left."""
    wide = box.x2 - box.x >= box.y2 - box.y
    side = box.y2 - box.y if wide else box.x2 - box.x
    thick = sum(row) / side if side > 0 else 0.0
    made, at = [], box.y if wide else box.x
    for area in row:
        length = area / thick if thick > 0 else 0.0
        made.append(
            Box(box.x, at, box.x + thick, at + length) if wide else Box(at, box.y, at + length, box.y + thick)
        )
        at += length
    rest = Box(box.x + thick, box.y, box.x2, box.y2) if wide else Box(box.x, box.y + thick, box.x2, box.y2)
    return made, rest
