"""Plots as the places of their points: in percent of the drawing, so that the same SVG fits a phone and a wide screen.

How they are drawn is left to `templates/plots.html`, where the numbers come from to the pages.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from service.dashboard.frame import wording

#: Points of which each has a place of its own to be asked for its value.
MOST = 400
#: What is said of a value that nobody has counted.
UNCOUNTED = "not counted"
#: How the ends of an axis are told.
FORMS = {"clock": "%H:%M", "day": "%b %d %H:%M"}

Value = float | None


@dataclass(frozen=True)
class Series:
    """One line, area or stack of bars: its values in the order of the moments, None where there is none."""

    name: str
    values: Sequence[Value]
    #: `ok`, `bad`, `warn`, `idle`, `info` or `accent`.
    tone: str = "accent"
    #: What is said of a value that there is not.
    missing: str = "–"


@dataclass(frozen=True)
class _Point:
    """A moment with the values of all series."""

    at: datetime
    left: float
    width: float
    values: tuple[Value, ...]
    #: What is said of it: `2026-11-28 14:03 UTC: delivered 12, failed 1`.
    title: str


@dataclass(frozen=True)
class Plotted:
    """What a template needs to draw one plot; places are in percent from the left and the top."""

    points: tuple[_Point, ...]
    #: For each series the `d` of its line (or bars), and of what is below it.
    lines: tuple[str, ...]
    areas: tuple[str, ...]
    #: (place from the top, label) of the horizontal rules.
    rules: tuple[tuple[float, str], ...]
    #: What is said where there is nothing to draw; else empty.
    nothing: str
    #: (moment, label) of the first and the last, and how such moments are told: `clock` within a day, else `day`.
    ends: tuple[tuple[datetime, str], ...]
    scale: str


def plotted(series: Sequence[Series], moments: Sequence[datetime], kind: str = "lines", unit: str = "") -> Plotted:
    """The places of all points. `kind` is `lines`, `area` or `bars`; of the last two the series stand on each other.

    `unit` is a word for the values, or `s` (durations) or `share` (of one, as percent).
    """
    moments = moments[-MOST:]
    columns = [tuple(each.values)[-len(moments) :] if moments else () for each in series]
    stacked = kind in ("area", "bars")
    bases = _bases(columns, len(moments)) if stacked else [[0.0] * len(moments) for _ in columns]
    tops = [
        [None if value is None else base + value for base, value in zip(below, column, strict=True)]
        for below, column in zip(bases, columns, strict=True)
    ]
    known = [value for column in tops for value in column if value is not None]
    most = 1.0 if unit == "share" else _end(max(known, default=0.0), unit)
    shape = _Shape(len(moments), most)
    draw = shape.bars if kind == "bars" else shape.line
    step = 100 / max(len(moments), 1)
    rows = list(zip(*columns, strict=True))
    scale = "clock" if moments and moments[-1] - moments[0] < timedelta(hours=20) else "day"
    return Plotted(
        points=tuple(
            _Point(at, n * step, step, rows[n], _title(at, series, rows[n], unit)) for n, at in enumerate(moments)
        ),
        lines=tuple(draw(column, base) for column, base in zip(tops, bases, strict=True)),
        areas=tuple(shape.area(column, base) for column, base in zip(tops, bases, strict=True)),
        rules=tuple((100 - n * 50, said(most * n / 2, unit, axis=True)) for n in range(3)),
        nothing="" if known else _nothing(series),
        ends=tuple((at, f"{at.astimezone(UTC):{FORMS[scale]}} UTC") for at in (*moments[:1], *moments[-1:])),
        scale=scale,
    )


def _nothing(series: Sequence[Series]) -> str:
    uncounted = any(each.missing == UNCOUNTED for each in series)
    return "Nobody counted in this time." if uncounted else "Nothing in this time."


def spark(values: Sequence[Value], width: int = 100, height: int = 24) -> str:
    """The `d` of a small line over all values, within a drawing of this size."""
    known = [value for value in values if value is not None]
    most = max(known, default=0) or 1
    step = width / max(len(values) - 1, 1)
    parts, on = [], False
    for n, value in enumerate(values):
        if value is None:
            on = False
            continue
        parts.append(f"{'L' if on else 'M'}{n * step:.4g} {1 + (height - 2) * (1 - value / most):.4g}")
        on = True
    return "".join(parts)


def said(value: float, unit: str, *, axis: bool = False) -> str:
    """A value with its unit; on an axis as short as can be."""
    if unit == "s":
        return _brief(value) if axis else wording.duration(value) if value else "0"
    if unit == "share":
        return wording.percent(value)
    return wording.short(value) if axis else wording.number(value)


def _brief(seconds: float) -> str:
    """A duration of one unit, which does not run into the drawing: "2.5 min"."""
    size, unit = next(((size, unit) for size, unit in wording.UNITS if seconds >= size), (1, "s"))
    return "0" if not seconds else f"{seconds / size:.3g} {unit}" if seconds >= 1 else wording.duration(seconds)


class _Shape:
    """Draws columns of values into a square of 100 by 100."""

    def __init__(self, count: int, most: float) -> None:
        self._step = 100 / max(count, 1)
        self._most = most or 1.0

    def line(self, tops: Sequence[Value], _bases: Sequence[float]) -> str:
        """A line from middle to middle, broken where nothing is known; one point alone is a short dash."""
        parts = []
        for run in _runs(tops):
            if len(run) == 1:
                n, value = run[0]
                parts.append(f"M{self._x(n, 0.1)} {self._y(value)}L{self._x(n, 0.9)} {self._y(value)}")
                continue
            parts.append("M" + "L".join(f"{self._x(n)} {self._y(value)}" for n, value in run))
        return "".join(parts)

    def area(self, tops: Sequence[Value], bases: Sequence[float]) -> str:
        """What lies between the values and what they stand on."""
        parts = []
        for run in _runs(tops):
            above = "L".join(f"{self._x(n)} {self._y(value)}" for n, value in run)
            below = "L".join(f"{self._x(n)} {self._y(bases[n])}" for n, _ in reversed(run))
            parts.append(f"M{above}L{below}Z")
        return "".join(parts)

    def bars(self, tops: Sequence[Value], bases: Sequence[float]) -> str:
        """A bar for each value that is not nothing."""
        return "".join(
            f"M{self._x(n, 0.12)} {self._y(bases[n])}V{self._y(value)}H{self._x(n, 0.88)}V{self._y(bases[n])}Z"
            for n, value in enumerate(tops)
            if value is not None and value > bases[n]
        )

    def _x(self, n: int, part: float = 0.5) -> str:
        return f"{(n + part) * self._step:.4g}"

    def _y(self, value: float) -> str:
        return f"{100 - 100 * min(value / self._most, 1):.4g}"


def _runs(values: Sequence[Value]) -> Iterator[list[tuple[int, float]]]:
    """What stands side by side without a gap."""
    run: list[tuple[int, float]] = []
    for n, value in enumerate(values):
        if value is not None:
            run.append((n, value))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _bases(columns: Sequence[Sequence[Value]], count: int) -> list[list[float]]:
    """What each series stands on: the sum of those before it."""
    standing, below = [], [0.0] * count
    for column in columns:
        standing.append(below)
        below = [base + (value or 0.0) for base, value in zip(below, column, strict=True)]
    return standing


def _end(most: float, unit: str) -> float:
    """Where an axis ends; of durations at a number of the unit that they are told in."""
    of = next((size for size, _ in wording.UNITS if unit == "s" and most > size > 1), 1)
    return of * _nice(most / of)


def _nice(most: float) -> float:
    """The next larger 1, 2, 4, 5, 6, 8 or 10 of its size: half of it is a number that one can read."""
    if most <= 0:
        return 1.0
    size = 10.0 ** math.floor(math.log10(most))
    return next(step * size for step in (1, 2, 4, 5, 6, 8, 10, 20) if step * size >= most * 0.9999)


def _title(at: datetime, series: Sequence[Series], values: Sequence[Value], unit: str) -> str:
    words = ", ".join(
        f"{each.name} {each.missing if value is None else said(value, unit)}"
        for each, value in zip(series, values, strict=True)
    )
    return f"{wording.moment(at).replace(':00 UTC', ' UTC')}: {words}"
