"""What a Spark session needs beneath it: a Java that Spark runs on, and Delta's JARs.

Standard library only, because `make setup` runs this package before anything is installed (see `__main__`).
"""

from offbeat.runtime.jars import delta_jars
from offbeat.runtime.java import ensure_java, find_java

__all__ = ["delta_jars", "ensure_java", "find_java"]
