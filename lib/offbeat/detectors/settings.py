"""Settings of the recurrent detectors."""

from __future__ import annotations

from dataclasses import dataclass, fields

from offbeat.detectors.options import as_names


@dataclass(frozen=True)
class RecurrentSettings:
    """What a next-event network is like and how it learns.

    Attributes:
        units: size of each layer's state.
        layers: recurrent layers.
        embedding: width of the event embedding.
        dropout: share of the states dropped between layers while training.
        time: whether the class of the gap before each event is an input too.
        covariates: names of what is known of a session besides its events that the network starts from, such as
            [platform, app_version]; each must be listed under source.columns.covariates.
        gap_classes: classes of gaps, cut at quantiles of the training gaps.
        epochs: most rounds over the distinct sessions, or over parts of them where they are many.
        max_events: most events fed in all rounds together; bounds the training time of large samples.
        batch: sessions in a batch; None: 32 up to 100,000 distinct sessions, more beyond. Many small updates learn rare
            rules better than few large ones.
        learning_rate: of Adam, at its highest.
        patience: rounds without a better validation loss before it stops.
        chunk: longest piece, in events, that gradients flow through.
        averaging: how much of the averaged weights is kept at each step; the average is what is evaluated and saved.
        count_power: a session that came n times weighs n to this power. 1 would let the commonest sessions push the
            probability of the rare but normal ones towards 0; 0 would forget what is common.
        criterion: what makes an event strange: `surprise`, -ln(probability), or `rank`, how many events were likelier.
        unknown_share: share of the events fed that are replaced by `<unknown>`, rare ones more often.
    """

    units: int = 64
    layers: int = 2
    embedding: int = 32
    dropout: float = 0.0
    time: bool = False
    covariates: tuple[str, ...] = ()
    gap_classes: int = 16
    epochs: int = 100
    max_events: int = 5_000_000
    batch: int | None = None
    learning_rate: float = 0.003
    patience: int = 8
    chunk: int = 256
    averaging: float = 0.98
    count_power: float = 0.5
    unknown_share: float = 0.005
    criterion: str = "surprise"

    def __post_init__(self) -> None:
        object.__setattr__(self, "covariates", as_names(self.covariates))
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name == "covariates":
                good = True
            elif item.name == "criterion":
                good = value in ("surprise", "rank")
            elif item.name == "time":
                good = isinstance(value, bool)
            elif item.name in ("dropout", "averaging", "unknown_share"):
                good = isinstance(value, int | float) and 0 <= value < 1
            elif item.name in ("learning_rate", "count_power"):
                good = isinstance(value, int | float) and 0 <= value <= 1
            else:
                good = (isinstance(value, int) and value >= 1) or (item.name == "batch" and value is None)
            if not good:
                raise ValueError(f"{item.name}: {value!r} is out of range")
