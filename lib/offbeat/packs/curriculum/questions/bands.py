"""Bands around series of counts, each from its own past alone. Arrays in, scores out; no Spark."""

from __future__ import annotations

import numpy as np

METHODS = ("bollinger", "ewma", "stl")
_LEAST_PAST = 4
_SEASONS = 8  # of the past that STL looks at
_ROUNDS = 3  # of STL's weights against outliers; more say the same and take most of the time
_LEARNT = 100.0  # accesses of its own from which a series says more of its clumps than its kind does


def score_series(
    values: np.ndarray, method: str, *, span: int, k: float, season: int
) -> dict[str, np.ndarray]:
    """Judge each period of one series against the periods before it; see `score_block`."""
    found = score_block(values[None, :], np.array([len(values)]), method, span=span, k=k, season=season)
    del found["row"]
    return found


def score_block(
    values: np.ndarray,
    lengths: np.ndarray,
    method: str,
    *,
    span: int,
    k: float,
    season: int,
    usual: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Judge each period that has accesses against the periods before it, for many series at once.

    Accesses come in visits, not one by one, and many series are empty on most days: a band of a month without a visit
    says nothing of how large a visit is. So a series varies at least as the sizes of its own earlier periods do, and
    those of its kind while it has few of its own, and the chance is that of so many *given that there are any*.

    Args:
        values: counts, a series in each row, filled up with anything behind its end.
        lengths: how many periods each series has.
        method: bollinger (mean and deviation of the last `span` periods), ewma (the same, older ones weighing less),
            stl (trend and season of the last eight seasons, fitted at the season's beginning).
        span, k, season: see Rules.
        usual: like values, the size of its kind's periods before each one (sum of squares over sum); without it, 1.

    Returns:
        row, at (place in the series), accesses, expected, upper, lower, pct_b, p_value: one entry per judged period.
        What comes after a period does not change its entry.
    """
    middles, deviations = _bands(values, lengths, method, span, season)
    place = np.arange(values.shape[1])
    least = 0 if method == "stl" else _LEAST_PAST
    judged = (values > 0) & (place >= least) & (place < lengths[:, None]) & np.isfinite(middles)
    row, at = np.nonzero(judged)
    n, middle, deviation = values[row, at], np.maximum(middles[row, at], 0.0), deviations[row, at]
    clump = _clump(values, usual)[row, at]
    width = k * np.maximum(deviation, np.sqrt(np.maximum(middle, 1.0)) / 2)
    upper, lower = middle + width, np.maximum(middle - width, 0.0)
    return {
        "row": row,
        "at": at,
        "accesses": n,
        "expected": middle,
        "upper": upper,
        "lower": lower,
        "pct_b": (n - lower) / (upper - lower),
        "p_value": tail(n, middle, np.maximum(deviation**2, (middle + 0.5) * clump)),
    }


def tail(n: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Chance of `n` or more where there are any: a negative binomial, Poisson where it varies no more than that.

    The mean has half an access added: a past of nothing does not make anything impossible. At or below the mean
    nothing is odd, and 1 is said without looking.
    """
    from scipy.stats import nbinom, poisson

    mean = mean + 0.5
    found = np.ones(len(n))
    high = n > mean
    n, mean, variance = n[high], mean[high], variance[high]
    wide = variance > mean * 1.05
    size = mean[wide] ** 2 / (variance[wide] - mean[wide])
    above, any_ = poisson.sf(n - 1, mean), -np.expm1(-mean)
    share = mean[wide] / variance[wide]
    above[wide], any_[wide] = nbinom.sf(n[wide] - 1, size, share), -np.expm1(size * np.log(share))
    found[high] = np.clip(above / any_, 1e-300, 1.0)
    return found


def _clump(values: np.ndarray, usual: np.ndarray | None) -> np.ndarray:
    """Variance over mean of the periods before each one, at least 1; that of the kind where there are few accesses."""
    sums, squares = (np.pad(np.cumsum(x, axis=1), ((0, 0), (1, 0)))[:, :-1] for x in (values, values**2))
    prior = np.ones_like(values) if usual is None else usual
    size = (squares + _LEARNT * prior) / (sums + _LEARNT)
    mean: np.ndarray = sums / np.maximum(np.arange(values.shape[1]), 1)
    found: np.ndarray = np.maximum(size - mean, 1.0)
    return found


def _bands(
    values: np.ndarray, lengths: np.ndarray, method: str, span: int, season: int
) -> tuple[np.ndarray, np.ndarray]:
    if method == "bollinger":
        return _rolling(values, span)
    if method == "ewma":
        return _weighted(values, span)
    parts = [_seasonal(row[:length], season) for row, length in zip(values, lengths, strict=True)]
    padded = np.full((2, *values.shape), np.nan)
    for number, (expected, deviation) in enumerate(parts):
        padded[0, number, : len(expected)] = expected
        padded[1, number, : len(deviation)] = deviation
    return padded[0], padded[1]


def _rolling(values: np.ndarray, span: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of up to `span` periods before each one."""
    sums, squares = (
        np.pad(np.cumsum(x, axis=1), ((0, 0), (1, 0))) for x in (values, values**2)
    )  # whole numbers: no error adds up
    end = np.arange(values.shape[1])
    begin = np.maximum(end - span, 0)
    number = np.maximum(end - begin, 1)
    mean = (sums[:, end] - sums[:, begin]) / number
    square = (squares[:, end] - squares[:, begin]) / number
    return mean, np.sqrt(np.maximum(square - mean**2, 0.0))


def _weighted(values: np.ndarray, span: int) -> tuple[np.ndarray, np.ndarray]:
    """Exponentially weighted mean and deviation of the periods before each one, weights as pandas' `ewm(span)`."""
    from scipy.signal import lfilter

    keep = 1 - 2 / (span + 1)
    weight, x, squares = (
        lfilter([1.0], [1.0, -keep], a, axis=1) for a in (np.ones((1, values.shape[1])), values, values**2)
    )
    unknown = np.full((len(values), 1), np.nan)
    mean = np.concatenate([unknown, (x / weight)[:, :-1]], axis=1)
    square = np.concatenate([unknown, (squares / weight)[:, :-1]], axis=1)
    return mean, np.sqrt(np.maximum(square - mean**2, 0.0))


def _seasonal(values: np.ndarray, season: int) -> tuple[np.ndarray, np.ndarray]:
    """What trend and season of the past say of the coming season, and how far they were off before."""
    from statsmodels.tsa.seasonal import STL

    expected, deviation = np.full(len(values), np.nan), np.full(len(values), np.nan)
    for begin in range(2 * season + 1, len(values), season):
        coming = slice(begin, min(begin + season, len(values)))
        if not values[coming].any():  # nothing to judge
            continue
        past = values[max(0, begin - _SEASONS * season) : begin]
        fit = STL(past, period=season, robust=True).fit(inner_iter=1, outer_iter=_ROUNDS)
        number = coming.stop - coming.start
        expected[coming] = (fit.trend[-1] + fit.seasonal[-season:])[:number]
        deviation[coming] = np.std(past - fit.trend - fit.seasonal)
    return expected, deviation
