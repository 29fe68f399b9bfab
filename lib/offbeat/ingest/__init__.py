"""From sources to events: each row becomes an event, a duplicate that is counted, or a row in quarantine."""
