"""From nothing to figures in one process, on the Spark that SPARK_REMOTE says.

`steps_one_way.py LAKE VOLUME LOG [KEY=VALUE…]` makes a schema for a lake that is a catalog's; over Spark Connect
the model goes as an artifact, however small it is.
"""

import datetime as dt
import sys

from offbeat import steps
from offbeat.config import Config
from offbeat.scoring import carrier
from offbeat.spark import has_context

lake, volume, log, *settings = sys.argv[1:]
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
print("context" if has_context(context.spark) else "connect")
