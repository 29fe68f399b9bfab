from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from jinja2 import UndefinedError

from offbeat.reports import form, page, parts, render_anomalies_page, render_run_page
from offbeat.reports.data import AnomalyPageData, Head
from offbeat.reports.form import Column
from offbeat.reports.page import Section, chart_library, embed_json, render_page
from tests.reports import example

LIMIT = 2_000_000


class Outline(HTMLParser):
    """What a browser's parser makes of a page: its tags, scripts, ids and links."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.scripts: list[str] = []
        self._in_script = False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._in_script = tag == "script"
        if self._in_script:
            self.scripts.append("")

    def handle_endtag(self, tag):
        if tag == "script":
            self._in_script = False

    def handle_data(self, data):
        if self._in_script:
            self.scripts[-1] += data

    def values(self, name: str) -> list[str]:
        return [attrs[name] for _, attrs in self.tags if name in attrs]


@pytest.fixture(scope="module")
def full() -> str:
    return render_run_page(example.run_page_data())


@pytest.fixture(scope="module")
def hostile() -> str:
    return render_run_page(example.hostile_page_data())


def test_pages_are_small_and_whole(full):
    anomalies = render_anomalies_page(example.anomaly_page_data())
    for html in (full, anomalies):
        assert len(html.encode()) < LIMIT
        assert html.startswith("<!doctype html>")
        assert html.rstrip().endswith("</html>")
    assert len(chart_library()) < 1_000_000


def test_same_input_same_bytes(full):
    assert render_run_page(example.run_page_data()) == full


def test_same_bytes_in_another_process_and_zone(full):
    code = (
        "import hashlib; from tests.reports import example; from offbeat.reports import render_run_page as r;"
        "print(hashlib.sha256(r(example.run_page_data()).encode()).hexdigest())"
    )
    env = {"PYTHONPATH": "lib:.", "TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    import hashlib

    assert done.stdout.strip() == hashlib.sha256(full.encode()).hexdigest()


def test_nothing_is_asked_for_from_elsewhere(full):
    outline = Outline(full)
    assert outline.values("src") == []
    assert [
        link
        for link in outline.values("href")
        if not link.startswith(("#", "../", "data:,", "anomalies.html"))
    ] == []
    assert "@import" not in full
    assert "url(" not in full.split("</style>")[0]


def test_ids_are_unique_and_links_lead_somewhere(full):
    for html in (full, render_anomalies_page(example.anomaly_page_data())):
        outline = Outline(html)
        ids = outline.values("id")
        assert len(ids) == len(set(ids))
        targets = [link[1:] for link in outline.values("href") if link.startswith("#")]
        targets += [name for value in outline.values("aria-labelledby") for name in value.split()]
        targets += outline.values("data-chart")
        assert set(targets) <= set(ids)


def test_hostile_names_open_no_tag_and_end_no_script(hostile):
    outline = Outline(hostile)
    tags = {tag for tag, _ in outline.tags}
    assert "img" not in tags
    assert [attrs for tag, attrs in outline.tags if any(name.startswith("on") for name in attrs)] == []
    ours = Outline(render_run_page(example.run_page_data()))
    plain = [s for s in outline.scripts if not s.startswith("{")]
    assert plain == [s for s in ours.scripts if not s.startswith("{")]
    assert not any(link.startswith("javascript") for link in outline.values("href"))
    assert "&lt;img src=x onerror=alert(1)&gt;" in hostile


def test_hostile_names_survive_in_chart_data(hostile):
    specs = [json.loads(script) for script in Outline(hostile).scripts if script.startswith("{")]
    texts = json.dumps(specs, ensure_ascii=False)
    assert "<img src=x onerror=alert(1)>" in texts
    assert "</script><script>alert(1)</script>" in texts


def test_templates_of_the_data_are_not_run(hostile):
    assert "{{ 7 * 7 }} ${7*7}" in hostile


def test_no_control_character_and_no_lone_surrogate_gets_through(hostile):
    body = hostile.split("<body>")[1].split("<script>")[0]
    assert re.findall(r"[\x00-\x08\x0b-\x1f\x7f\u2028\u2029\u202a-\u202e]", body) == []
    render_run_page(example.run_page_data(head=Head("a\ud800b"))).encode()


def test_embedded_json_is_only_text():
    text = embed_json({"a": "</script><!--&\u2028\u2029"})
    assert not set(text) & set("<>&\u2028\u2029")
    assert json.loads(text) == {"a": "</script><!--&\u2028\u2029"}
    with pytest.raises(ValueError, match="not JSON compliant"):
        embed_json(float("nan"))


def test_policy_names_each_script_and_forbids_the_rest(full):
    policy = next(attrs["content"] for _, attrs in Outline(full).tags if attrs.get("http-equiv"))
    assert policy.startswith("default-src 'none'")
    assert policy.count("'sha256-") == 3
    assert "'unsafe-inline'" not in policy.split("style-src")[0]


def test_a_page_without_charts_carries_no_chart_library():
    html = render_page(Head("t"), [Section("a", "A", [parts.paragraph("x")])])
    assert len(html) < 40_000
    assert "vegaEmbed=" not in html.replace(" ", "")


def test_bare_page_says_what_is_missing():
    html = render_run_page(example.bare_page_data())
    for said in (
        "No session is flagged",
        "No session has been scored yet",
        "No evaluation: it needs labels",
        "No training curves",
        "The steps of this run are not recorded",
        "The tables behind this page are not named",
        "tables not named",
    ):
        assert said in html
    assert "Traceback" not in html
    assert "minutes viewed" not in html  # not every log is of a video player


def test_bare_anomalies_page_says_what_is_missing():
    html = render_anomalies_page(AnomalyPageData(Head("bare")))
    for said in ("No anomalies to group", "No trend", "No covariates to divide by", "No session is flagged"):
        assert said in html


@pytest.mark.parametrize(
    "name", ["scores", "minutes", "epochs", "evaluations", "anomalies", "steps", "pr_curve"]
)
def test_any_one_thing_may_be_missing(name):
    empty = None if name in ("scores", "minutes") else ()
    assert "<main" in render_run_page(example.run_page_data(**{name: empty}))


def test_nats_are_said_of_surprises_alone():
    page = render_run_page(example.run_page_data(detector="length"))
    assert "gives each session a score of its own kind" in page
    assert "nats" not in parts.anomaly_card(example.anomalies()[0], number=1, unit="")
    assert "&nbsp;nats" in parts.anomaly_card(example.anomalies()[0], number=1)


def test_muted_anomalies_are_in_no_figure_but_their_own():
    data = replace(example.anomaly_page_data(), muted=7)
    page = render_anomalies_page(data)
    assert "flagged sessions; 7 more are muted" in page
    assert form.share(data.total / data.scores.sessions) in page
    assert "7 muted ones among them" in page


def test_header_names_tables_versions_run_and_origin(full):
    header = full.split("<header")[1].split("</header>")[0]
    assert "<code>session_scores</code> version 4" in header
    assert "run-2026-05-08-7c1f" in header
    assert '<time datetime="2026-05-08T00:00:00Z">2026-05-08 00:00:00\u00a0UTC</time>' in header
    assert "<li>history.json of the model</li>" in header
    assert "computed from what is named above" in full
    assert "Generated from offbeat 0.1.0 with config tvm (hash 3f2a91c0)." in full


def test_a_template_that_lacks_a_value_fails():
    with pytest.raises(UndefinedError):
        page.render("callout.html", text="x")


def test_table_has_caption_scopes_units_and_links():
    rows = [{"a": "x<y", "n": 0.5, "go": "../t"}, {"a": "z", "n": None, "go": "javascript:alert(1)"}]
    html = parts.table(
        rows, [Column("a", "a", link="go"), Column("n", "time (s)", "seconds")], caption="C & D", name="t"
    )
    assert '<caption class="vh">C &amp; D</caption>' in html
    assert '<th scope="col" class="n" data-kind="number">time (s)</th>' in html
    assert '<th scope="row"><a href="../t">x&lt;y</a></th>' in html
    assert '<td class="n" data-raw="0.5">500\u00a0ms</td>' in html
    assert '<td class="n" data-raw="">–</td>' in html
    assert "javascript" not in html


def test_chart_library_missing_is_said_in_one_line(monkeypatch):
    from offbeat.errors import UsageError

    chart_library.cache_clear()
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    with pytest.raises(UsageError, match=r"install offbeat\[reports\]"):
        chart_library()
    monkeypatch.undo()
    chart_library.cache_clear()
