"""What a Spark session needs beneath it: a Java that Spark runs on, and Delta's JARs.

Standard library only, because `make setup` runs this package before anything is installed (see `__main__`).
"""

from offbeat.runtime.classes import options as class_options
from offbeat.runtime.jars import POSTGRESQL, delta_jars, extra_jars, kafka_coordinate
from offbeat.runtime.java import ensure_java, find_java

__all__ = [
    "POSTGRESQL",
    "class_options",
    "delta_jars",
    "ensure_java",
    "extra_jars",
    "find_java",
    "kafka_coordinate",
]
