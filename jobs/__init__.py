"""One thin spark-submit file per step: arguments in, one call into the library, exit status out."""
