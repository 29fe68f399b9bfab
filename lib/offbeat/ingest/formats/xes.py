"""XES, the XML of process mining: a log of traces, each an entity, of events. Read as a stream, an event at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO
from xml.etree import ElementTree as ET

import pyarrow as pa
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from offbeat.config import Columns, Source
from offbeat.ingest.files import SourceFile
from offbeat.ingest.formats.opened import read_streams
from offbeat.ingest.rows import Rows

# Attributes of a trace get this before their name, those of an event keep theirs.
_TRACE = "case:"
_PLACE = "case:position"
_SCHEMA = "source_file string, fields map<string,string>, problem string"
_ARROW = pa.schema(
    [("source_file", pa.string()), ("fields", pa.map_(pa.string(), pa.string())), ("problem", pa.string())]
)
_USUAL = {"entity": (_TRACE + "concept:name",), "event": ("concept:name",), "time": "time:timestamp"}

Row = tuple[str, list[tuple[str, str]] | None, str | None]


def columns(given: Columns) -> Columns:
    """The config's columns; what it leaves as it is means the names that XES gives, and the place in the trace."""
    plain = Columns()
    usual = {name: value for name, value in _USUAL.items() if getattr(given, name) == getattr(plain, name)}
    if given.position is None:
        usual["position"] = _PLACE
    return given.model_copy(update=usual)


def read(spark: SparkSession, _source: Source, files: Sequence[SourceFile]) -> list[Rows]:
    """Read the events of XES files, packed or not, one task a file; memory holds one event and a batch of rows.

    A file that is broken gives the events before the break, and a row that says where it is. A remote file is read
    whole by its task.
    """
    events = read_streams(spark, files, _events, _ARROW, _SCHEMA)
    frame = events.withColumn("malformed", F.col("problem").isNotNull())
    return [Rows(frame, F.coalesce("problem", F.to_json("fields")), None)]


def _events(path: str, stream: BinaryIO) -> Iterator[Row]:
    try:
        yield from ((path, fields, None) for fields in _walk(stream))
    except ET.ParseError as error:
        yield path, None, f"{Path(path).name}: not XES from here on: {error}"


def _walk(stream: BinaryIO) -> Iterator[list[tuple[str, str]]]:
    """Fields of each event, those of its trace first."""
    open_elements: list[ET.Element] = []
    of_trace: dict[str, str] = {}
    place = 0
    # Expat refuses entities that grow without bound, and opens none from outside.
    for moment, element in ET.iterparse(stream, events=("start", "end")):  # noqa: S314
        if moment == "start":
            open_elements.append(element)
            if _tag(element) == "trace":
                of_trace, place = {}, 0
            continue
        open_elements.pop()
        parent = open_elements[-1] if open_elements else None
        if _tag(element) == "event":
            fields = of_trace | {
                child.get("key", ""): child.get("value", "") for child in element if child.get("key")
            }
            yield [*fields.items(), (_PLACE, str(place))]
            place += 1
        elif parent is not None and _tag(parent) == "trace" and element.get("key"):
            of_trace[_TRACE + element.get("key", "")] = element.get("value", "")
        if parent is not None and _tag(parent) != "event":
            parent.remove(element)  # what has been read is let go


def _tag(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]
