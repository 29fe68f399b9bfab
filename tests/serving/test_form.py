"""The form's pages and batches, without a browser."""

from __future__ import annotations

import csv
import io

from offbeat.packs.top10.answers import NO, YES
from offbeat.serving.batch import MAX_ROWS
from offbeat.serving.shield import MAX_UPLOAD

FILLED = {
    "imdb_rating": "7.1", "metascore": "68", "rating_label": "PG-13", "weekly_hours_viewed": "", "votes": "12,000",
    "year": "2023", "genre": "Thriller, Drama", "cast": ["Ada Abbott", ""], "director": "Greta Berg",
}  # fmt: skip


def test_the_form_has_each_field_of_the_study_with_a_hint(client):
    page = client.get("/").text
    for name in FILLED:
        assert f'name="{name}"' in page
    assert page.count('class="hint" id=') == 8
    assert "<datalist" in page
    assert "<script" not in page
    assert "not used: known only with the votes" in page


def test_a_filled_form_is_answered_like_the_api(client):
    page = client.post("/", data=FILLED)
    assert page.status_code == 200
    body = {
        "metascore": 68.0, "rating_label": "PG-13", "year": 2023, "genre": ["Thriller", "Drama"],
        "cast": ["Ada Abbott"], "director": "Greta Berg", "votes": 12000, "imdb_rating": 7.1,
    }  # fmt: skip
    said = client.post("/api/v1/predict", json=body).json()
    assert said["answer"] in page.text
    assert (YES in page.text) != (NO in page.text)
    track = said["track_record"]
    right = track["charted"] if said["will_chart"] else track["titles"] - track["charted"]
    assert f"{right} {'charted' if said['will_chart'] else 'did not chart'} (95" in page.text
    assert "Running time" not in page.text
    assert "Given, but not used" in page.text


def test_errors_stand_beside_their_fields_and_the_rest_is_kept(client):
    page = client.post("/", data={**FILLED, "imdb_rating": "11", "votes": "many", "cast": [""]})
    assert page.status_code == 422
    assert "IMDb rating: expected at most 10, got &#39;11&#39;" in page.text
    assert "IMDb votes: expected a whole number, got &#39;many&#39;" in page.text
    assert "Cast: this is needed" in page.text
    assert 'id="imdb_rating-error"' in page.text
    assert 'value="Greta Berg"' in page.text
    assert YES not in page.text
    assert NO not in page.text


def test_names_with_markup_and_formulas_are_refused_and_shown_as_text(client):
    page = client.post("/", data={**FILLED, "director": "<img src=x onerror=alert(1)>", "genre": "=1+1"})
    assert page.status_code == 422
    assert "<img" not in page.text
    assert "&lt;img src=x" in page.text
    assert "does not begin with =" in page.text


def test_an_empty_form_names_what_is_needed(client):
    page = client.post("/", data={}).text
    for label in ("Year", "Genre", "Director", "Cast"):
        assert f"{label}: this is needed" in page


def test_the_model_page_shows_track_records_and_what_is_used(client):
    page = client.get("/model").text
    assert "How often titles with such a probability charted" in page
    assert "Before release" in page
    assert "only the model after the first week uses it" in page


def upload(client, content, name="titles.csv"):
    return client.post("/batch", files={"file": (name, content, "text/csv")})


def test_a_batch_comes_back_with_an_answer_or_an_error_per_row(client):
    template = client.get("/batch/template.csv").text
    rows = (
        template
        + '7.1,200,PG-13,,1,2023,Drama,Ada,Greta\r\n,,,,,2023,Drama,"Ada Abbott, =Bad",Greta\r\n,,,,,2023,Drama,Ada\r\n'
    )
    got = upload(client, rows)
    assert got.status_code == 200
    assert "attachment" in got.headers["content-disposition"]
    lines = list(csv.DictReader(io.StringIO(got.text)))
    assert [bool(line["error"]) for line in lines] == [False, True, True, True]
    assert lines[0]["answer"] in (YES, NO)
    assert "metascore: expected at most 100" in lines[1]["error"]
    assert "begin with" in lines[2]["error"]
    assert "director: this is needed" in lines[3]["error"]


def test_a_batch_says_the_same_as_the_api(client):
    got = upload(client, "year,genre,cast,director,metascore\n2023,Drama,Ada Abbott,Greta Berg,81\n")
    body = {"year": 2023, "genre": "Drama", "cast": ["Ada Abbott"], "director": "Greta Berg", "metascore": 81}
    said = client.post("/api/v1/predict", json=body).json()
    line = next(csv.DictReader(io.StringIO(got.text)))
    assert float(line["probability"]) == round(said["probability"], 4)


def test_a_header_may_be_written_otherwise_but_not_wrongly(client):
    row = "2023,Drama,Ada Abbott,Greta Berg,81,kept\n"
    plain = upload(client, f"year,genre,cast,director,metascore,note\n{row}").text
    assert upload(client, f"Year,GENRE,Cast,Director,Metascore,note\n{row}").text == plain
    assert "81,kept," in plain
    for header, words in (
        ("year,genre,cast,director,metascor,note", "did you mean metascore?"),
        ("year,genre,cast,director,director,note", "Column director is there more than once"),
    ):
        got = upload(client, f"{header}\n{row}")
        assert got.status_code == 422
        assert words in got.text


def test_a_row_with_a_list_that_is_not_quoted_is_refused(client):
    got = upload(
        client, 'year,genre,cast,director\n2023,Drama,Ada,Bruno,Greta\n2023,Drama,"Ada,Bruno",Greta\n'
    )
    wrong, right = csv.DictReader(io.StringIO(got.text))
    assert wrong["error"].startswith("5 cells, the header has 4: put a list with commas in double quotes")
    assert right["error"] == ""
    assert right["answer"] in (YES, NO)


def test_no_cell_of_a_batch_comes_back_as_a_formula(client):
    got = upload(client, "=cmd,year,genre,cast,director\n@SUM(1),2023,Drama,Ada,Greta\n")
    assert all(
        not cell.startswith(("=", "@", "+", "-")) for row in csv.reader(io.StringIO(got.text)) for cell in row
    )


def test_files_that_are_none_are_refused_in_words(client):
    for content, words in (
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"year,genre,cast,director\n\x00,1,2,3\n", "zero bytes"),
        (b"year,genre,cast\n1,2,3\n", "Column director is missing"),
        (b"year,genre,cast,director\n", "no rows"),
        (b"", "no rows"),
        (b'year,genre,cast,director\n"open', "not CSV"),
        (b"year,genre,cast,director\n" + b"1,2,3,4\n" * (MAX_ROWS + 1), "at most 10,000"),
    ):
        got = upload(client, content)
        assert got.status_code == 422, words
        assert words in got.text
    assert client.post("/batch", data={"file": "text"}).status_code == 422
    assert client.post("/batch").status_code == 422


def test_an_upload_of_ten_megabytes_is_refused_by_its_size(client):
    got = upload(client, b"x" * (10 * 1024 * 1024))
    assert got.status_code == 413
    assert f"at most {MAX_UPLOAD // 1024**2} MB" in got.json()["error"]
