"""Where a session ends, said a second time: one loop over events in plain Python, to judge the real one by."""

import hashlib


def sessions_of(events, clock, gap=None, order_by=(), ignore=(), max_events=None, max_duration=None):
    """Rows of sessions, by session_id, from rows of events: dicts both, times in microseconds."""
    owners, made = {}, {}
    ties = {e["event_id"]: [rank(e.get(n, (e["covariates"] or {}).get(n))) for n in order_by] for e in events}
    for event in sorted(events, key=lambda e: (rank(e["event_time"]), ties[e["event_id"]], e["event_id"])):
        owners.setdefault((event["entity"], event["role"], event["event_time"] is None), []).append(event)
    for (entity, role, untimed), own in owners.items():
        pieces, anchor = [], None
        for event in own:
            at, ignored = 0 if untimed else event["event_time"], event["event"] in ignore
            apart = anchor is None or (gap is not None and at - anchor > gap)
            if apart and ignored:
                continue
            full = not apart and len(pieces[-1]["rows"]) == max_events
            full |= not apart and max_duration is not None and at - pieces[-1]["at"] > max_duration
            if full:
                pieces[-1]["state"] = "cut"
            if apart or full:
                pieces.append({"rows": [], "at": at, "continues": full})
            anchor = anchor if ignored else at
            pieces[-1]["rows"].append(event)
            pieces[-1]["state"] = "closed" if gap is None or untimed or anchor + gap < clock else "open"
        made |= {row["session_id"]: row for row in (session(entity, role, **piece) for piece in pieces)}
    return made


def session(entity, role, rows, at, continues, state):
    first, times = rows[0], [row["event_time"] for row in rows]
    text = f"{len(entity)}:{entity}:{'null' if times[0] is None else at}:{first['event_id']}"
    known = {k: v for row in reversed(rows) for k, v in (row["covariates"] or {}).items() if v is not None}
    lists = {"events": [row["event"] for row in rows], "event_ids": [row["event_id"] for row in rows]}
    label = max((row["label"] for row in rows if row["label"] is not None), default=None)
    return {"session_id": hashlib.sha256(text.encode()).hexdigest()[:32], "entity": entity, "role": role,
            "start": times[0], "end": times[-1], "times": times, "n_events": len(rows), "covariates": known or None,
            "label": label, "state": state, "continues": continues, **lists}  # fmt: skip


def rank(value):
    number = int(value) if str(value).lstrip("-").isdigit() else None
    return number is not None, number or 0, value is not None, str(value)
