"""HTML pages with charts, from tables.

`gather` reads tables into the plain values of `data`; `run_page` and `anomalies` render them without Spark;
`write_page` puts a page where readers find it. What pages share is in `page`, `parts` and `charts`.
"""

from offbeat.reports.anomalies import render_anomalies_page
from offbeat.reports.run_page import render_run_page
from offbeat.reports.write import write_page

__all__ = ["render_anomalies_page", "render_run_page", "write_page"]
