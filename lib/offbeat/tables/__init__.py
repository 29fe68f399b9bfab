"""What each Delta table is, and the only code that reads and writes them."""

from offbeat.tables.contract import TABLES
from offbeat.tables.lake import Lake
from offbeat.tables.table import Col, Table

__all__ = ["TABLES", "Col", "Lake", "Table"]
