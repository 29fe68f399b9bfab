"""A job for the cluster test: says which offbeat its driver and executors import, and writes a Delta table."""

import json
import sys

import offbeat
from offbeat.spark import open_session


def report(batches):
    from pathlib import Path

    import pandas as pd

    import offbeat

    for batch in batches:
        rows = {"id": batch["id"], "code": offbeat.__file__, "executor": str(Path.cwd())}
        yield pd.DataFrame(rows)


spark = open_session("where-code-runs")
numbers = spark.range(0, 80, numPartitions=8)
numbers.mapInPandas(report, "id long, code string, executor string").write.format("delta").save(sys.argv[1])
rows = spark.read.format("delta").load(sys.argv[1]).collect()
print(
    json.dumps(
        {
            "rows": len(rows),
            "master": spark.sparkContext.master,
            "driver_code": offbeat.__file__,
            "executor_code": sorted({row.code for row in rows}),
            "executors": sorted({row.executor for row in rows}),
        }
    )
)
