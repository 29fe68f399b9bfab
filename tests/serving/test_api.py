"""The JSON API: answers, refusals, limits, headers."""

from __future__ import annotations

import concurrent.futures
import json

import pytest

from offbeat.packs.top10.answers import NO, YES
from offbeat.serving.shield import MAX_BODY

TITLE = {
    "imdb_rating": 7.1,
    "metascore": 68,
    "rating_label": "PG-13",
    "weekly_hours_viewed": None,
    "votes": 12000,
    "year": 2023,
    "genre": "Thriller",
    "cast": ["Ada Abbott"],
    "director": "Greta Berg",
}


def ask(client, **changes):
    return client.post("/api/v1/predict", json={**TITLE, **changes})


def test_a_title_gets_an_answer_with_probability_reasons_and_model(client, service):
    got = ask(client).json()
    assert got["answer"] in (YES, NO)
    assert got["will_chart"] == (got["probability"] >= 0.5) == (got["answer"] == YES)
    assert 0 <= got["probability"] <= 1
    assert got["question"] == "before_release"
    assert got["model"] == service.answering.version
    assert {reason["field"] for reason in got["reasons"]} >= {"Metascore"}
    assert all(isinstance(reason["effect"], float) for reason in got["reasons"])
    assert got["track_record"]["titles"] > 0


def test_what_is_known_only_afterwards_changes_nothing_and_is_named(client):
    plain, starred = (
        ask(client, imdb_rating=None, votes=None).json(),
        ask(client, imdb_rating=9.9, votes=2_000_000).json(),
    )
    assert plain["probability"] == starred["probability"]
    assert set(starred["not_used"]) == {"imdb_rating", "votes"}
    assert plain["not_used"] == {}


def test_hours_of_the_first_week_ask_the_second_model(client):
    few, many = (ask(client, weekly_hours_viewed=hours).json() for hours in (1_000_000, 60_000_000))
    assert few["question"] == many["question"] == "early_viewership"
    assert many["probability"] > few["probability"]


def test_the_model_hears_what_it_may_use(client):
    assert ask(client, metascore=95).json()["probability"] > ask(client, metascore=20).json()["probability"]


@pytest.mark.parametrize(
    "changes, field, words",
    [
        ({"imdb_rating": 0.5}, "imdb_rating", "at least 1"),
        ({"imdb_rating": 10.1}, "imdb_rating", "at most 10"),
        ({"imdb_rating": "high"}, "imdb_rating", "number"),
        ({"imdb_rating": True}, "imdb_rating", "number"),
        ({"metascore": 0}, "metascore", "at least 1"),
        ({"metascore": 101}, "metascore", "at most 100"),
        ({"votes": -1}, "votes", "at least 0"),
        ({"votes": 1.5}, "votes", "integer"),
        ({"weekly_hours_viewed": 0}, "weekly_hours_viewed", "more than 0"),
        ({"year": 1200}, "year", "at least 1,890"),
        ({"year": "2023"}, "year", "integer"),
        ({"year": None}, "year", "integer"),
        ({"cast": []}, "cast", "at least one"),
        ({"cast": ["", " "]}, "cast", "at least one"),
        ({"cast": [7]}, "cast", "string"),
        ({"cast": {"name": "x"}}, "cast", "list"),
        ({"cast": ["x"] * 21}, "cast", "at most 20"),
        ({"director": "<script>alert(1)</script>"}, "director", "no <"),
        ({"director": "=HYPERLINK(1)"}, "director", "begin with ="),
        ({"director": "a" * 101}, "director", "at most 100"),
        ({"director": "a\u202eb"}, "director", "hidden"),
        ({"genre": "--"}, "genre", "begin with"),
        ({"rating_label": "<b>"}, "rating_label", "no <"),
        ({"colour": "blue"}, "colour", "unknown field"),
    ],
)
def test_a_wrong_field_is_refused_and_named(client, changes, field, words):
    got = ask(client, **changes)
    assert got.status_code == 422
    assert words in got.json()["fields"][field]
    assert field in got.json()["error"]


def test_names_are_parted_at_commas_in_a_list_too(client):
    once, twice = ask(client, cast=["Ada Abbott, Bruno Berg"]), ask(client, cast=["Ada Abbott", "Bruno Berg"])
    assert once.json() == twice.json()
    assert "Bruno Berg" in str(once.json()["reasons"])


def test_names_that_the_model_does_not_know_are_said(client):
    got = ask(client, genre=["Drama", "Gloom"], rating_label="XX", imdb_rating=None, votes=None).json()
    assert got["not_used"]["genre"].startswith("the model does not know Gloom; it knows ")
    assert got["not_used"]["rating_label"].startswith("the model does not know XX; it knows ")
    assert ask(client, imdb_rating=None, votes=None).json()["not_used"] == {}


def test_reasons_name_only_what_can_be_given(client):
    for changes in ({}, {"metascore": None, "rating_label": None}, {"weekly_hours_viewed": 9e6}):
        named = {reason["field"] for reason in ask(client, **changes).json()["reasons"]}
        assert named <= {
            "Kind", "Metascore", "Year", "Genre", "Rating label", "Director", "Cast", "Hours of the first week",
        }  # fmt: skip


@pytest.mark.parametrize("body", ["[" * 60_000, '{"year": ' + "9" * 5000 + "}"])
def test_what_json_readers_stumble_over_is_refused_in_words(client, body):
    got = client.post("/api/v1/predict", content=body, headers={"content-type": "application/json"})
    assert got.status_code in (400, 422)
    assert "nested too deeply" in got.json()["error"] or "thousands of digits" in got.json()["error"]


@pytest.mark.parametrize("body", ["", "{", "[]", "[{}]", '"x"', "null", '{"year": NaN}', "\x00", "7"])
def test_what_is_no_title_is_refused(client, body):
    got = client.post("/api/v1/predict", content=body, headers={"content-type": "application/json"})
    assert got.status_code == 422
    assert got.json()["error"]


def test_numbers_that_are_none_are_refused(client):
    for bad in ("1e999", "-Infinity", "NaN"):
        body = json.dumps(TITLE).replace("7.1", bad)
        assert client.post("/api/v1/predict", content=body).status_code == 422


def test_a_huge_body_is_refused_by_its_size(client):
    got = client.post("/api/v1/predict", content=b" " * (MAX_BODY + 1))
    assert got.status_code == 413
    assert "too large" in got.json()["error"]

    def stream():
        for _ in range(70):
            yield b" " * 1024

    assert client.post("/api/v1/predict", content=stream()).status_code == 413


def test_many_at_once_all_get_their_own_answer(client):
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        got = list(pool.map(lambda score: (score, ask(client, metascore=score).json()), range(1, 101)))
    once = {score: ask(client, metascore=score).json()["probability"] for score in (1, 50, 100)}
    assert all(dict(got)[score]["probability"] == probability for score, probability in once.items())


def test_more_than_the_limit_at_once_are_told_to_wait(service):
    import asyncio

    from offbeat.serving.shield import Shield

    sent = []

    async def send(message):
        sent.append(message)

    shield = Shield(None, policy="x", page=lambda status, text: f"<h1>{status} {text}", at_once=0)
    asked = {"type": "http", "method": "GET", "path": "/"}
    asyncio.run(shield({**asked, "headers": []}, None, send))
    asyncio.run(shield({**asked, "headers": [(b"accept", b"text/html,*/*")]}, None, send))
    assert sent[0]["status"] == sent[2]["status"] == 429
    assert b'"Too many' in sent[1]["body"]
    assert sent[3]["body"].startswith(b"<h1>429 Too many")


def test_other_addresses_and_methods_are_refused_in_words(client):
    assert client.get("/nothing").json() == {"error": "There is nothing here."}
    got = client.get("/api/v1/predict")
    assert (got.status_code, got.json()) == (405, {"error": "This address does not take that method."})
    browser = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    page = client.get("/nothing", headers=browser)
    assert page.status_code == 404
    assert "<h1>" in page.text
    assert "There is nothing here." in page.text
    assert client.get("/api/v1/nothing", headers=browser).json() == {"error": "There is nothing here."}
    big = client.post("/", content=b"x" * (MAX_BODY + 1), headers=browser)
    assert big.status_code == 413
    assert "<h1>" in big.text
    assert "at most 64 kB are taken" in big.text
    assert "Choose a CSV file first." in client.post("/batch", headers=browser).text


def test_health_and_description(client, service):
    health = client.get("/health")
    assert health.json()["status"] == "ok"
    assert health.json()["model"] == service.answering.version
    described = client.get("/openapi.json").json()
    fields = described["components"]["schemas"]["Title"]["properties"]
    assert set(fields) == set(TITLE)
    assert "/health" in described["paths"]
    batch = described["paths"]["/batch"]["post"]["responses"]
    assert set(batch["200"]["content"]) == {"text/csv"}
    assert set(batch) == {"200", "400", "413", "422", "429"}
    assert set(described["paths"]["/api/v1/predict"]["post"]["responses"]) == set(batch)
    assert client.head("/health").status_code == client.head("/").status_code == 200


@pytest.mark.parametrize("path", ["/", "/batch", "/model", "/health", "/nothing"])
def test_every_answer_tells_the_browser_to_be_strict(client, path):
    headers = client.get(path).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
