"""Tables of the pack top10."""

from __future__ import annotations

from offbeat.tables.table import Col, Table

_SOURCE = Col("source", "string", "catalogue of the config that the title comes from", null=False)
_TITLE_ID = Col("title_id", "string", "the catalogue's own id of the title, else a hash", null=False)
_CHART_ID = Col("chart_id", "string", "kind and normalized title of what the lists show", null=False)
_QUESTION = Col("question", "string", "before_release or early_viewership", null=False)
_MODEL = Col("model_version", "string", "model that scored; folder under models/NAME/", null=False)
_RUN = Col("run_id", "string", "run that wrote the row; see runs", null=False)
_KIND = Col("kind", "string", "film or tv; null where the source doesn't say")
_LEFT_SOURCE = Col("left_source", "string", "lists, or the main catalogue's name", null=False)
_LEFT_ID = Col("left_id", "string", "chart_id of a title of the lists, or title_id", null=False)
_WEEKS = "array<struct<week:date,rank:int,hours:double>>"

TITLES = Table(
    name="titles",
    doc="A title of a catalogue; what the catalogue doesn't say is null, never zero. Key: source, title_id.",
    columns=(
        _SOURCE,
        _TITLE_ID,
        Col("title", "string", "as the catalogue writes it", null=False),
        Col("norm_title", "string", "lower case, without accents and punctuation", null=False),
        Col("norm_original", "string", "the same of the original title"),
        _KIND,
        Col("year", "int", "year of release"),
        Col("release_date", "date", "day of release"),
        Col("genres", "array<string>", "genres, as the catalogue names them"),
        Col("director", "array<string>", "directors"),
        Col("cast", "array<string>", "cast, first billed first"),
        Col("companies", "array<string>", "companies that made it"),
        Col("language", "string", "original language"),
        Col("rating_label", "string", "age rating (PG-13, TV-MA …)"),
        Col("runtime_min", "double", "running time in minutes"),
        Col("metascore", "double", "Metascore, 1 to 100"),
        Col("imdb_rating", "double", "IMDb rating of the snapshot, 1 to 10; known after release"),
        Col("votes", "double", "IMDb votes of the snapshot; known after release"),
        Col("popularity", "double", "the catalogue's popularity of the snapshot; known after release"),
        Col("budget", "double", "budget of the snapshot, dollars; null where it says 0"),
        Col("revenue", "double", "revenue of the snapshot, dollars; known after release"),
        Col("is_main", "boolean", "whether examples are made of this catalogue", null=False),
    ),
    key=("source", "title_id"),
)

CHARTED = Table(
    name="charted",
    doc="A title of the weekly lists with its weeks, seasons taken together. Key: chart_id.",
    columns=(
        _CHART_ID,
        Col("title", "string", "as the lists write it", null=False),
        Col("norm_title", "string", "lower case, without accents and punctuation", null=False),
        _KIND,
        Col("category", "string", "category of its first week", null=False),
        Col("first_week", "date", "first week in the lists (its last day)", null=False),
        Col("last_week", "date", "last week in the lists", null=False),
        Col("n_weeks", "int", "weeks in the lists", null=False),
        Col("n_runs", "int", "entries: runs of weeks in a row", null=False),
        Col("best_rank", "int", "best rank", null=False),
        Col("hours_first_week", "double", "hours viewed in the first week, all seasons listed"),
        Col("hours_total", "double", "hours viewed in all its weeks"),
        Col("weeks", _WEEKS, "its weeks in order, best rank and hours of each", null=False),
    ),
    key=("chart_id",),
)

TITLE_MATCHES = Table(
    name="title_matches",
    doc="Which title of a catalogue a title of lists or main catalogue is. Key: left_source, left_id, source.",
    columns=(
        _LEFT_SOURCE,
        _LEFT_ID,
        _SOURCE,
        _TITLE_ID,
        Col(
            "quality",
            "string",
            "what agrees: title_year_kind, title_kind, original_title or title",
            null=False,
        ),
        Col("candidates", "int", "titles of the catalogue with that name", null=False),
    ),
    key=("left_source", "left_id", "source"),
)

TITLES_UNMATCHED = Table(
    name="titles_unmatched",
    doc="A title without one match in a catalogue, and why. Key: left_source, left_id, source.",
    columns=(
        _LEFT_SOURCE,
        _LEFT_ID,
        _SOURCE,
        Col("title", "string", "as its own source writes it", null=False),
        Col("reason", "string", "not_in_catalogue, other_kind, other_year or ambiguous", null=False),
        Col("candidates", "array<string>", "ids of the catalogue that have its name"),
    ),
    key=("left_source", "left_id", "source"),
)

TITLE_RUNS = Table(
    name="title_runs",
    doc="A run in the Top 10: weeks in a row of one entry of the lists. Key: session_id.",
    columns=(
        Col("session_id", "string", "session of the weekly lists", null=False),
        _CHART_ID,
        Col("entity", "string", "category, title and season as the lists write them", null=False),
        Col("start", "date", "first week", null=False),
        Col("end", "date", "last week", null=False),
        Col("n_weeks", "int", "weeks of the run", null=False),
        Col("entry", "int", "1 for the first run of the title and season", null=False),
        Col("weeks_away", "double", "weeks since its run before; null for the first"),
        Col("weeks", _WEEKS, "its weeks in order", null=False),
    ),
    key=("session_id",),
)

TITLE_EXAMPLES = Table(
    name="title_examples",
    doc="What is known of a title as of a day, and what came of it. Key: question, title_id.",
    columns=(
        _QUESTION,
        _TITLE_ID,
        Col("title", "string", "its title", null=False),
        Col("title_group", "string", "kind and normalized title: never on two sides of a split", null=False),
        Col("as_of", "date", "day up to which everything is known", null=False),
        Col(
            "dated", "boolean", "whether as_of is the title's own; else the day of the first list", null=False
        ),
        Col("known_on", "date", "first day on which a list had it afterwards; null where none had"),
        Col("label", "int", "1: it charted afterwards; null: its four weeks are not over yet"),
        Col(
            "numbers",
            "map<string,double>",
            "fields that are numbers; what is not known is not in it",
            null=False,
        ),
        Col(
            "texts",
            "map<string,array<string>>",
            "fields that are names; what is not known is not in it",
            null=False,
        ),
    ),
    key=("question", "title_id"),
)

TITLE_SCORES = Table(
    name="title_scores",
    doc="What the model answers for a title, and why. Key: question, title_id, model_version.",
    columns=(
        _QUESTION,
        _TITLE_ID,
        _MODEL,
        Col("title", "string", "its title", null=False),
        Col("as_of", "date", "day up to which everything is known", null=False),
        Col("probability", "double", "calibrated probability that it charts", null=False),
        Col("answer", "string", "yes from a probability of 0.5 on, else no", null=False),
        Col("held_out", "boolean", "whether neither the model nor its calibration has seen it", null=False),
        Col(
            "reasons",
            "array<struct<field:string,text:string,effect:double>>",
            "what spoke for and against",
            null=False,
        ),
        _RUN,
    ),
    key=("question", "title_id", "model_version"),
    checks={"probability_in_range": "probability >= 0 AND probability <= 1"},
)

TITLE_FIGURES = Table(
    name="title_figures",
    doc="A figure of a model on titles it has not seen. Key: all but value, interval, counts and note.",
    columns=(
        _MODEL,
        _QUESTION,
        Col(
            "split",
            "string",
            "time or title: how test titles were set apart; preset: out of fold",
            null=False,
        ),
        Col("model", "string", "what was judged", null=False),
        Col("basis", "string", "honest, leaky (what the guard stops) or reference", null=False),
        Col("metric", "string", "roc_auc, pr_auc, brier, recall_at_10 …", null=False),
        Col("value", "double", "its value; null where there is nothing to judge"),
        Col("low", "double", "lower end of the 95 % interval"),
        Col("high", "double", "upper end of the 95 % interval"),
        Col("n", "bigint", "titles judged", null=False),
        Col("positives", "bigint", "of these, charting ones", null=False),
        Col("note", "string", "what to know when reading it"),
    ),
    key=("model_version", "question", "split", "model", "basis", "metric"),
)

RUN_FORECASTS = Table(
    name="run_forecasts",
    doc="How long a title of the newest list will stay, and whether one that left will come back. Key: session_id.",
    columns=(
        Col("session_id", "string", "session of the weekly lists", null=False),
        _CHART_ID,
        Col("title", "string", "its title", null=False),
        _MODEL,
        Col("state", "string", "listed: in the newest list; gone", null=False),
        Col("weeks_so_far", "int", "weeks of the run", null=False),
        Col("stays_next", "double", "probability that it is listed next week; null where it is gone"),
        Col("weeks_more", "double", "expected further weeks of the run; null where it is gone"),
        Col("comes_back", "double", "probability of another run within half a year of leaving", null=False),
        Col("season", "string", "months of its earlier returns; null where there were none"),
        Col("last_week", "date", "last week of the run"),
    ),
    key=("session_id", "model_version"),
)

TITLE_TRUTH = Table(
    name="title_truth",
    doc="What a generated catalogue's titles are really like; only evaluation reads it. Key: title_id.",
    columns=(
        _TITLE_ID,
        Col("charts", "int", "1: it made a list", null=False),
        Col("weeks_charted", "int", "weeks in the lists", null=False),
        Col("known_appeal", "double", "the part of its appeal that is known before release", null=False),
        Col("appeal", "double", "its appeal", null=False),
        Col("seasonal", "string", "season in which it comes back: none, autumn, winter", null=False),
    ),
    key=("title_id",),
)

TABLES = (
    TITLES, CHARTED, TITLE_MATCHES, TITLES_UNMATCHED, TITLE_RUNS, TITLE_EXAMPLES,
    TITLE_SCORES, TITLE_FIGURES, RUN_FORECASTS, TITLE_TRUTH,
)  # fmt: skip
