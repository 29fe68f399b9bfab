"""Total Minutes Viewed of a streaming-video service: its player's rules, a log with known faults, and the report."""
