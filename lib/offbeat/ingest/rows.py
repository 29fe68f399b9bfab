"""What every format hands over: rows with named fields, still as they came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, MapType, StringType, StructType

from offbeat.tables.table import quoted

# Fields that hold a time are written to quarantine with microseconds.
_AS_JSON = {
    "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX",
    "timestampNTZFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSS",
}


@dataclass(frozen=True)
class Rows:
    """Rows of a source before the contract is applied.

    Attributes:
        frame: has `source_file` (string), `malformed` (boolean), `fields` (a struct, or a map of strings where each
            row has names of its own) and, where lines are counted, `line` (bigint, from 0).
        raw: the row as text; evaluated for refused rows alone.
        names: the fields' names; None where each row has its own.
        types: types of the fields that aren't strings.
        header: what `raw` needs to be parsed again, besides the config; None where it needs nothing.
    """

    frame: DataFrame
    raw: Column
    names: tuple[str, ...] | None
    types: Mapping[str, DataType] = field(default_factory=dict)
    header: str | None = None

    def as_json(self, time: str | None) -> Column:
        """The fields as JSON that, parsed as text, gives the same row again.

        Args:
            time: the field that holds the time, which stays a number where it is one, and else has microseconds.
        """
        if self.names is None:
            return F.to_json("fields")
        fields = ((self.value(name) if name == time else self.text(name)).alias(name) for name in self.names)
        return F.to_json(F.struct(*fields), _AS_JSON)

    def text(self, name: str) -> Column:
        """The field of that name as text; JSON where it has parts."""
        kind = self.types.get(name, StringType())
        if isinstance(kind, ArrayType | MapType | StructType):
            return F.to_json(self.value(name))
        return self.value(name) if isinstance(kind, StringType) else self.value(name).cast("string")

    def value(self, name: str) -> Column:
        """The field of that name, with the type it came with; null where a row lacks it."""
        if self.names is None:
            head, dot, inner = name.partition(".")
            plain = F.col("fields").getItem(name)
            return F.coalesce(plain, F.get_json_object(F.col("fields")[head], f"$.{inner}")) if dot else plain
        return F.col(f"fields.{quoted(name)}")
