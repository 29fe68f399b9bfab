"""From nothing to figures in one process, on the Spark that SPARK_REMOTE says.

`steps_one_way.py LAKE VOLUME LOG [admin] [KEY=VALUE…]` makes a schema for a lake that is a catalog's; over Spark
Connect the model goes as an artifact, however small it is. With `admin` the commands of the people who look after a
lake follow, and a line of JSON with what they said.
"""

import datetime as dt
import json
import sys

from offbeat import steps
from offbeat.config import Config
from offbeat.operations.status import gather
from offbeat.packs import all_tables
from offbeat.scoring import carrier
from offbeat.spark import has_context
from offbeat.tables.contract import ANOMALIES, SESSIONS


def look_after(context: steps.Context) -> dict:
    """What status, label, promote, forget and maintain say, without what names a run."""
    named = context.lake
    session = min(row["session_id"] for row in named.read(ANOMALIES).collect())
    entity = min(row["entity"] for row in named.read(SESSIONS).select("entity").distinct().collect())
    status = gather(named, context.conf, all_tables().values(), now=context.run_date)
    champion = status["model"]["champion"]
    context.options |= {"session": session, "word": "false_alarm", "version": champion, "entity": entity}
    said = [step(context) for step in (steps.label, steps.promote, steps.forget, steps.maintain)]
    return {
        "champion": champion,
        "anomalies": status["anomalies"],
        "rows": {table["name"]: table["rows"] for table in status["tables"]},
        "said": [{k: v for k, v in each.items() if k not in ("run_id", "seconds")} for each in said[:-1]],
        "maintained": sorted(said[-1]),
    }


lake, volume, log, *settings = sys.argv[1:]
admin = "admin" in settings
settings = [setting for setting in settings if setting != "admin"]
overrides = [f"generate.path={log}", f"source.path={log}/events", f"volume={volume}", *settings]
conf = Config.load("conf/tvm.yaml", overrides=overrides, lake=lake)
context = steps.Context(conf, run_date=dt.datetime(2027, 1, 1, tzinfo=dt.timezone.utc))
carrier._MOST_IN_CLOSURE = 0
if not context.lake.is_folder:
    context.spark.sql(f"CREATE SCHEMA IF NOT EXISTS {lake}")
steps.generate(context)
for again in (False, True):  # the second time there is nothing to do
    taken = steps.ingest(context)["rows_in"]
    made = steps.sessionize(context)["sessions_new"]
    if not again:
        steps.train(context)
    scored = steps.score(context)["sessions"]
    assert (taken > 0, made > 0, scored > 0) == (not again,) * 3, (taken, made, scored)
steps.evaluate(context)
if admin:
    print(json.dumps(look_after(context), default=str, sort_keys=True))
print("context" if has_context(context.spark) else "connect")
