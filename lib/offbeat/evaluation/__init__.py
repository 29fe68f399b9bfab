"""What a detector is worth: metrics with intervals, guards against leakage, detectors compared."""
