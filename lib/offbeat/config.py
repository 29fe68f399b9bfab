"""The one model of a config file: what each key means, its default, and the errors that name the right key.

`Config.load` reads YAML, puts in variables of the environment, applies `--set` overrides and collects every
unknown key and bad value into one error.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import re
import reprlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    model_validator,
)

from offbeat.durations import parse_duration_s
from offbeat.errors import UsageError
from offbeat.redaction import hide, hide_secrets_of, is_secret

# Seconds, written as people do: `30 minutes`.
Duration = Annotated[float, BeforeValidator(parse_duration_s), Field(ge=0), PlainSerializer(float)]
Share = Annotated[float, Field(ge=0, le=1)]
PACK_NAMES = ("tvm", "machine_logs", "curriculum", "installs", "top10")
DEFAULT_DATA = "../shared/data"  # what ${OFFBEAT_DATA} stands for where it is not set
_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


class Section(BaseModel):
    """A head of the config: unknown keys are errors, values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_as_list)]


class Columns(Section):
    """Which columns of a source are what."""

    entity: Names = Field(
        ("entity",), min_length=1, description="columns that name whose events these are; joined by |"
    )
    time: str | None = Field(
        "event_time", description="column of the event's time; null where `order` is given"
    )
    event: Names = Field(("event",), min_length=1, description="columns that name the event; joined by |")
    event_id: str | None = Field(
        None, description="column that identifies an event; else a hash of the columns"
    )
    label: str | None = Field(
        None, description="column with 0 or 1; only evaluate and classifiers' training read it"
    )
    covariates: Names = Field((), description="columns kept with the event")
    order: Literal["position", "line"] | None = Field(
        None,
        description="for a log without time: `line` orders by line of the one file, `position` by a column",
    )
    position: str | None = Field(
        None, description="column that orders events of a log without time, or breaks ties"
    )

    @model_validator(mode="before")
    @classmethod
    def _order_stands_for_time(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("order") and "time" not in data:
            return {**data, "time": None}
        return data


class Labels(Section):
    """A file that says which entities are faulty, for a log that doesn't say so itself."""

    path: str = Field(description="csv with a header; variables as ${NAME}")
    entity: str = Field(
        "entity", description="its column that names the entity, as source.columns.entity gives it"
    )
    label: str = Field("label", description="its column with 0 or 1")


class Source(Section):
    """Where events come from."""

    format: Literal["csv", "json", "parquet", "delta", "text", "xes", "jdbc", "kafka", "sequences"] = Field(
        "csv", description="what the source is; sequences: a line is a session, kafka: `stream` alone"
    )
    path: str | None = Field(None, description="file, folder, glob or URL; variables as ${NAME}")
    columns: Columns = Field(default_factory=Columns)
    time_format: str = Field("auto", description="auto (ISO 8601, epoch s to ns) or a pattern")
    time_zone: str = Field("UTC", description="zone of times that carry none")
    pattern: str | None = Field(None, description="format text: a regular expression with named groups")
    new_columns: Literal["ignore", "keep"] = Field(
        "ignore", description="keep: columns that are named nowhere here become covariates"
    )
    incremental: bool = Field(
        False,
        description="format jdbc: leave out rows whose time is `lateness` before the newest that is known",
    )
    role: Literal["train", "score", "both"] = Field(
        "both", description="what its events are for; both: model.split parts them"
    )
    label: Literal[0, 1] | None = Field(None, description="where a whole source is of one kind")
    labels: Labels | None = Field(None, description="where a file of its own has the labels, by entity")
    pseudonyms: Names = Field(
        (), description="columns whose values are replaced by a keyed hash (OFFBEAT_PSEUDONYM_KEY) at ingest"
    )
    options: dict[str, str] = Field(
        default_factory=dict, description="options of the reader (delimiter, url, dbtable)"
    )


class Catalogue(Section):
    """A list of things that events are about, such as titles; packs join it."""

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", description="what tables call it")
    path: str = Field(description="file, folder, glob or URL; variables as ${NAME}")
    format: Literal["csv", "json", "parquet"] = Field("csv", description="of the file")
    columns: dict[str, Names] = Field(
        description="field of the pack's table -> column of the file, or several"
    )
    kind: Literal["film", "tv"] | None = Field(None, description="where all of it is of one kind")
    main: bool = Field(False, description="positives and negatives come from this one; exactly one is main")
    options: dict[str, str] = Field(default_factory=dict, description="options of the reader (delimiter …)")


class Quarantine(Section):
    """What happens to rows that don't meet the contract."""

    limit: Share = Field(0.05, description="share of quarantined rows above which a run is refused")
    future_skew: Duration = Field(600.0, description="how far after the run date a time may lie")


class Sessions(Section):
    """Where a session ends."""

    gap: Duration | None = Field(
        1800.0, description="longest silence inside a session; null: an entity is one session"
    )
    order_by: Names = Field(("event_time", "position"), description="what breaks ties, before event_id does")
    dedupe: Literal["id", "exact", "none"] = Field(
        "id", description="which events are one: of the same id; equal in all columns; none: copies count"
    )
    ignore: Names = Field((), description="heartbeat events that neither open nor close a session")
    max_events: Annotated[int, Field(ge=1)] | None = Field(
        100_000, description="events after which a session is cut; null: never"
    )
    max_duration: Duration | None = Field(
        86_400.0, description="time after which a session is cut; null: never"
    )
    late: Literal["rekey", "quarantine"] = Field(
        "rekey",
        description="an event later than `lateness`: its sessions are made again, or it goes to quarantine",
    )
    lateness: Duration = Field(7 * 86_400.0, description="how late an event may be before `late` speaks")


class Sample(Section):
    """What the driver trains on."""

    max_sessions: int = Field(200_000, ge=1, description="about how many sessions the driver trains on")
    by: Names = Field(("day",), description="strata of the sample")


class Split(Section):
    """How sessions are parted into training and held-out ones."""

    by: Literal["time", "entity"] = Field(
        "time", description="time: the last part is held out; entity: some entities are, with all they did"
    )
    holdout: Annotated[float, Field(gt=0, lt=1)] = Field(0.2, description="share that is held out")


class Tune(Section):
    """What `train --tune N` may take."""

    limit: Annotated[Duration, Field(gt=0)] = Field(
        600.0, description="time after which no trial goes on; the best one so far is taken"
    )
    effort: Annotated[float, Field(gt=0, le=1)] = Field(
        0.25, description="share of the full training's events that a trial is fed"
    )


class Model(Section):
    """What is trained, on what, and how it is parted."""

    detector: str = Field("lstm", description="lstm, gru, … or ensemble; see detectors")
    sample: Sample = Field(default_factory=Sample)
    split: Split = Field(default_factory=Split)
    seed: int = Field(0, ge=0, description="same data and seed: same model")
    device: Literal["cpu", "gpu"] = Field(
        "cpu", description="gpu: networks train and score on the GPU that TensorFlow sees"
    )
    settings: dict[str, Any] = Field(
        default_factory=dict, description="the detector's own (units, layers, epochs …)"
    )
    rivals: Names = Field(
        (), description="detectors trained after it on the same sample; the better one becomes champion"
    )
    tune: Tune = Field(default_factory=Tune)


class Score(Section):
    """How sessions are judged."""

    alert_budget: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.01, description="share of normal sessions that may be flagged"
    )
    top_k: int = Field(5, ge=1, le=100, description="how many expected events are listed")
    min_events: int = Field(2, ge=0, description="shorter sessions get the verdict `short`")
    unknown_limit: Share = Field(
        0.5, description="share of unknown events above which the verdict is `unknown_event`"
    )
    segments: Names = Field(
        (), description="covariates whose values get thresholds of their own (platform, app_version)"
    )
    event_detail: Literal["flagged", "all"] = Field(
        "flagged", description="whose events get rows in event_scores"
    )


class Drift(Section):
    """When drift stops a run."""

    limit: Share | None = Field(
        None,
        description="distance from what the model was trained on (event mix, lengths, scores, rise of unknown "
        "events; 0 to 1) beyond which nothing is scored and the exit status is 4; null: warn only",
    )


STRESSES = ("label_noise", "class_ratio", "train_faults", "vocabulary_growth", "drift")


def _stresses(value: Any) -> Any:
    return {True: STRESSES, False: ()}.get(value, value) if isinstance(value, bool) else _as_list(value)


class Published(Section):
    """A figure that others have published on the same data: it stands beside ours, with its source."""

    name: str = Field(description="method")
    metric: str = Field("f1", description="as in the table evaluations: f1, f1_scaled, accuracy …")
    value: float = Field(description="the figure, as published")
    source: str = Field(description="where it was published")


Stress = Literal["label_noise", "class_ratio", "train_faults", "vocabulary_growth", "drift"]


class Evaluate(Section):
    """What the evaluation compares, scales to and guards against."""

    detectors: Names = Field(
        ("new_event", "length", "counts", "ngram2", "edit", "interarrival"),
        description="detectors set beside the champion; inter-arrival only where the log has times",
    )
    stress: Annotated[tuple[Stress, ...], BeforeValidator(_stresses)] = Field(
        (), description="stress curves, which take minutes: true for all, or some of them"
    )
    published: tuple[Published, ...] = Field((), description="figures of others that stand beside")
    one_side: Names = Field(
        (), description="covariates none of whose values may be on two sides of the split (title, cohort)"
    )
    known_after: dict[str, str] = Field(
        default_factory=dict,
        description="columns that are known only after the outcome, and when: evaluation fails if one is used",
    )
    scale_normals: int | None = Field(
        None, ge=1, description="normal sessions that the false-positive rate is scaled to"
    )
    resamples: int = Field(1000, ge=100, description="bootstrap samples behind each interval")


class Cost(Section):
    """What mistakes cost, in any one unit: where the threshold of a confusion matrix lies."""

    miss: float = Field(100.0, gt=0, description="a yes that was not called")
    alarm: float = Field(1.0, gt=0, description="a no that was called")


class Tabular(Section):
    """The models of a pack that predicts a yes or no per row (who installs, what reaches the top ten)."""

    models: Names = Field(
        (), description="models that are fitted and compared; none given: the pack's choice"
    )
    champion: str = Field("auto", description="which of them scores; auto: the best on validation")
    features: Names = Field((), description="columns of the source taken as features, besides the pack's own")
    calibration: Literal["auto", "platt", "isotonic"] = Field(
        "auto",
        description="how scores become probabilities; auto: isotonic where validation has enough of both kinds",
    )
    max_rows: int = Field(400_000, ge=1000, description="about how many rows the driver trains on")
    networks: Names = Field((), description="lstm, gru, lstm_supervised: trained on sequences and set beside")
    settings: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="a model's own knobs, by its name"
    )
    cost: Cost = Field(default_factory=Cost)


class Mask(Section):
    """What varies in a line, besides addresses, paths, ids and numbers, which are known."""

    name: str = Field(pattern=r"^[a-z_]+$", description="stands in the template as <name>")
    pattern: str = Field(description="regular expression of what varies")


class Templates(Section):
    """How pack machine_logs makes events of raw lines: by templates, mined on the training part and frozen."""

    mine: bool = Field(True, description="false: the column `event` holds event names already")
    similarity: Annotated[float, Field(gt=0, le=1)] = Field(
        0.4, description="share of words that must agree for a line to join a template"
    )
    depth: int = Field(4, ge=3, le=20, description="of Drain's tree")
    masks: tuple[Mask, ...] = Field((), description="own masks, before the usual ones")
    max_lines: int = Field(200_000, ge=1, description="distinct masked lines mined, the most frequent first")


class Generate(Section):
    """What `offbeat generate` makes."""

    path: str | None = Field(None, description="folder of the log; `run` makes it where a source reads it")
    rows: int = Field(1_000_000, ge=1, description="about how many events")
    seed: int = Field(0, ge=0, description="same request and seed: same rows")
    plant: bool = Field(True, description="put known faults in, and write the truth")
    settings: dict[str, Any] = Field(default_factory=dict, description="the pack's own (fault rates, days …)")


class Stream(Section):
    """How `offbeat stream` goes on."""

    every: Duration = Field(10.0, description="how often the sources are looked at for what is new")


class Maintain(Section):
    """What `offbeat maintain` keeps."""

    retention: Duration = Field(
        7 * 86_400.0, description="how long files out of use are kept: longer than any reader runs"
    )


class Limits(Section):
    """What an alert is sent for; null: never."""

    anomaly_share: Share | None = Field(None, description="flagged sessions of those that a run has scored")
    quarantine_share: Share | None = Field(None, description="refused rows of those that a run has read")
    lag: Duration | None = Field(None, description="age of the newest event at the run date, after ingest")
    drift: Share | None = Field(
        None, description="largest distance of a run's sessions from what the model was trained on"
    )


class Email(Section):
    """A mail server; its password comes from the environment (OFFBEAT_SMTP_PASSWORD), never from here."""

    host: str = Field(description="name or address of the mail server")
    port: int = Field(25, ge=1, le=65535, description="25 between servers; mostly 587 with starttls")
    sender: str = Field(description="address that alerts come from")
    to: Names = Field(min_length=1, description="addresses that they go to")
    starttls: bool = Field(False, description="whether the connection is encrypted before anything is said")
    user: str | None = Field(None, description="where the server asks who sends")


class Alerts(Section):
    """Who hears of a run that went wrong, or of figures beyond a limit; none of it changes a result."""

    webhook: str | None = Field(
        None,
        pattern=r"^(https?://.+)?$",
        description="URL that gets a JSON object; by default OFFBEAT_ALERT_WEBHOOK of the environment, where a URL "
        "that holds a secret belongs",
    )
    email: Email | None = Field(None, description="mail server that alerts go through; null: no mail")
    limits: Limits = Field(default_factory=Limits)
    failures: bool = Field(True, description="also for a step that failed")
    timeout: Annotated[Duration, Field(gt=0)] = Field(10.0, description="of one attempt to send")


class Mlflow(Section):
    """Where MLflow hears of each training; the model's folder stays what counts."""

    experiment: str | None = Field(None, description="its name; null: MLflow hears nothing")
    uri: str | None = Field(None, description="of the tracking server; null: as MLFLOW_TRACKING_URI says")
    register_as: str | None = Field(
        None, description="name under which each model is registered: catalog.schema.model, or a plain one"
    )


class Serve(Section):
    """Where the web form listens."""

    host: str = Field("127.0.0.1", description="address to listen on; 0.0.0.0: all")
    port: int = Field(8432, ge=0, le=65535, description="0: any that is free")


class Config(Section):
    """A config file, whole and checked."""

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", description="names the models and the runs")
    pack: Literal["tvm", "machine_logs", "curriculum", "installs", "top10"] | None = Field(
        None, description="the use case whose steps, tables and pages are added"
    )
    lake: str = Field(description="a folder where it has a / or ://, else catalog.schema")
    volume: str | None = Field(
        None,
        description="folder of models, pages and checkpoints where the lake is a catalog: /Volumes/…",
    )
    source: tuple[Source, ...] = Field(description="one source, or a list of them")
    catalogues: tuple[Catalogue, ...] = Field((), description="lists of titles that a pack joins")
    lookups: dict[str, Source] = Field(
        default_factory=dict,
        description="further tables that a pack joins, by name, each read as a source is",
    )
    rules: dict[str, Any] = Field(
        default_factory=dict, description="what a pack's questions go by; the pack checks it"
    )
    quarantine: Quarantine = Field(default_factory=Quarantine)
    sessions: Sessions = Field(default_factory=Sessions)
    model: Model = Field(default_factory=Model)
    score: Score = Field(default_factory=Score)
    drift: Drift = Field(default_factory=Drift)
    tabular: Tabular = Field(default_factory=Tabular)
    evaluate: Evaluate = Field(default_factory=Evaluate)
    templates: Templates = Field(default_factory=Templates)
    output: dict[str, Any] = Field(default_factory=dict, description="what a pack writes besides tables")
    generate: Generate = Field(default_factory=Generate)
    serve: Serve = Field(default_factory=Serve)
    stream: Stream = Field(default_factory=Stream)
    maintain: Maintain = Field(default_factory=Maintain)
    alerts: Alerts = Field(default_factory=Alerts)
    mlflow: Mlflow = Field(default_factory=Mlflow)

    @classmethod
    def load(cls, path: str | Path, *, overrides: Sequence[str] = (), lake: str | None = None) -> Self:
        """Read, complete and check a config file.

        Args:
            path: a YAML file.
            overrides: `path.to.key=value`, the value read as YAML; a number in the path reaches into a list.
            lake: where given, in place of the file's.

        Raises:
            UsageError: the file can't be read, or any key or value in it is wrong; all are named.
        """
        data = _read_yaml(Path(path))
        if isinstance(data.get("source"), dict):
            data["source"] = [data["source"]]
        for override in overrides:
            _apply_override(data, override)
        if lake is not None:
            data["lake"] = lake
        data = _expand(data)
        _hide_secrets(data)
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise UsageError(f"config {path}: {'; '.join(_problems(cls, error))}") from None

    @property
    def hash(self) -> str:
        """SHA-256 of the resolved config, 16 hex digits: the same config has the same hash, whoever hears of it."""
        values = self.model_dump(mode="json", exclude={"alerts", "mlflow"})
        text = json.dumps(values, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(
            f"config {path}: {error.strerror or error}; give an existing YAML file with --config"
        ) from None
    except UnicodeDecodeError as error:
        raise UsageError(f"config {path}: not UTF-8 at byte {error.start}; save it as UTF-8") from None
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"config {path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        raise UsageError(
            f"config {path}: expected keys and values, got {type(data).__name__}; see conf/ for examples"
        )
    return data


def _apply_override(data: dict[str, Any], override: str) -> None:
    """Set one `path.to.key=value` in the raw config, making the heads on its way."""
    path, equals, text = override.partition("=")
    *heads, last = path.strip().split(".")
    if not equals or not last or not all(heads):
        raise UsageError(f"--set {override}: expected path.to.key=value")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        value = text
    at: Any = data
    for step in heads:
        at = _reach(at, step, override)
    if isinstance(at, list) and len(at) == 1 and not last.isdigit():
        at = at[0]  # `source.path` reaches into a list of one
    if isinstance(at, list):
        at[_index(at, last, override)] = value
    else:
        at[last] = value


def _reach(at: Any, step: str, override: str) -> Any:
    """The head or list that `step` names in `at`; a head that is not there is made."""
    if isinstance(at, list) and len(at) == 1 and not step.isdigit():
        at = at[0]
    if isinstance(at, list):
        inner = at[_index(at, step, override)]
    else:
        if at.get(step) is None:
            at[step] = {}
        inner = at[step]
    if not isinstance(inner, dict | list):
        raise UsageError(f"--set {override}: {step} is a value, not a head")
    return inner


def _index(items: list[Any], step: str, override: str) -> int:
    if not step.isdigit() or int(step) >= len(items):
        raise UsageError(f"--set {override}: expected a number below {len(items)} in place of {step}")
    return int(step)


def _expand(value: Any) -> Any:
    """Put variables of the environment in, everywhere in the config."""
    if isinstance(value, dict):
        return {key: _expand(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_expand(inner) for inner in value]
    return _VARIABLE.sub(_variable, value) if isinstance(value, str) else value


def _hide_secrets(value: Any) -> None:
    """Let nothing that is said from now on repeat a secret of the config, wherever in it it stands."""
    if isinstance(value, dict):
        hide_secrets_of({str(key): inner for key, inner in value.items() if isinstance(inner, str)})
        for inner in value.values():
            _hide_secrets(inner)
    elif isinstance(value, list):
        for inner in value:
            _hide_secrets(inner)


def _variable(match: re.Match[str]) -> str:
    name, default = match.groups()
    if name == "OFFBEAT_DATA" and default is None:
        default = DEFAULT_DATA
    found = os.environ.get(name, default)
    if found is None:
        raise UsageError(
            f"config: variable ${{{name}}} is not set; export {name} or write ${{{name}:-default}}"
        )
    if is_secret(name):
        hide([found])
    return found


def _problems(model: type[BaseModel], error: ValidationError) -> list[str]:
    return [_problem(model, tuple(item["loc"]), item) for item in error.errors()]


def _problem(model: type[BaseModel], loc: tuple[int | str, ...], item: Any) -> str:
    where = (
        ".".join(str(step) for step in loc if not str(step).startswith(("function-", "tuple", "list[")))
        or "config"
    )
    if item["type"] == "extra_forbidden":
        known = _keys_at(model, loc[:-1])
        near = difflib.get_close_matches(str(loc[-1]), known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
        return f"unknown key {where}; {hint}"
    if item["type"] == "missing":
        return f"key {where} is missing"
    text = item["msg"].removeprefix("Value error, ")
    got = "" if "got" in text else f", got {reprlib.repr(item['input'])}"
    return f"{where}: {text[0].lower()}{text[1:]}{got}"


def _keys_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """Names of the keys that the head at `loc` knows."""
    at: Any = model
    for step in loc:
        if isinstance(step, str) and _is_section(at) and step in at.model_fields:
            at = _section_in(at.model_fields[step].annotation)
    return list(at.model_fields) if _is_section(at) else []


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _section_in(annotation: Any) -> Any:
    if _is_section(annotation):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _section_in(inner)
        if found is not None:
            return found
    return None
