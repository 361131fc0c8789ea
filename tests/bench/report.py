"""How figures are told: as text on the terminal, and as JSON.

The picture is left to `chart.py`.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tests.bench.figures import FAULTS, NAMES, Bare, Figure

#: Columns of a row: what, how much with its unit, of bare, target.
WHAT, MUCH, UNIT, RATIO = 46, 10, 14, 11


def head(facts: Mapping[str, str]) -> str:
    """The facts of the machine, one a line."""
    return "\n".join(f"{name:12}{fact}" for name, fact in facts.items())


def yardstick(bare: Bare) -> str:
    """What the yardstick came to."""
    runs = " ".join(f"{run:,.0f}" for run in bare.runs)
    return (
        f"bare        aiohttp POST loop, one process, 64 connections, to the same sink, before the stack was started:\n"
        f"            {bare.per_second:,.0f}/s (runs: {runs}), {bare.cpu_ms:.3f} CPU-ms each, "
        f"p50 {bare.took['p50']:.1f} ms, p99 {bare.took['p99']:.1f} ms;\n"
        f"            over one connection p50 {bare.alone['p50']:.2f} ms, p99 {bare.alone['p99']:.2f} ms.\n"
        f"            Ratios (x) are to runs of it before each run of a part, while our processes stand still"
    )


def block(title: str, figures: Sequence[Figure], seconds: float = 0.0) -> str:
    """A part: its title, and a row for each of its figures; `seconds` is what it took."""
    runs = len(figures[0].runs)
    lines = [title + (f"; medians of {runs} runs" if runs > 1 else "") + (f"; {seconds:.0f} s" if seconds else "")]
    told: set[str] = set()
    for figure in figures:
        family, _, process = figure.key.partition(".")
        if not process:
            lines.append(_row(figure))
        elif family not in told:
            told.add(family)
            lines.append(_family(family, figures))
    return "\n".join(lines)


def _family(family: str, figures: Sequence[Figure]) -> str:
    """All processes in one row."""
    name, unit = NAMES[family]
    of = [figure for figure in figures if figure.key.startswith(family + ".")]
    told = "  ".join(f"{figure.key.partition('.')[2]} {_number(figure.value)}" for figure in of)
    return f"  {name + ', ' + unit:{WHAT}}  {told}  (all: {_number(sum(figure.value for figure in of))})"


def _row(figure: Figure) -> str:
    row = f"  {figure.name:{WHAT}}{_number(figure.value):>{MUCH}} {figure.unit:{UNIT}}"
    row += f"{_number(figure.ratio) + ' x' if figure.ratio is not None else '':>{RATIO}}"
    if figure.target is not None:
        row += f"  {figure.target!s:18}{'met' if figure.met else 'MISSED'}"
    elif figure.key in FAULTS and figure.value:
        row += "  MUST NOT BE"
    return row.rstrip()


def _number(value: float) -> str:
    """Three digits that count, or all of a whole number."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"


def verdict(figures: Sequence[Figure], titles: Mapping[str, str]) -> str:
    """What is missed, and whether ratios mean anything."""
    judged = [figure for figure in figures if figure.met is not None]
    lines = [f"{sum(bool(figure.met) for figure in judged)} of {len(judged)} targets are met."]
    for figure in judged:
        if not figure.met:
            came = figure.ratio if figure.target and figure.target.ratio else figure.value
            lines.append(f"  MISSED: {titles[figure.part]}: {figure.name}: {_number(came or 0.0)}, {figure.target}")
    costly = [titles[figure.part] for figure in judged if figure.key == "rig" and not figure.met]
    if costly:
        lines.append("GENERATOR AND SINK COST TOO MUCH HERE, SO THAT THESE RATIOS MEAN NOTHING: " + "; ".join(costly))
    faults = sum(figure.value for figure in figures if figure.key in FAULTS)
    lines.append(f"{faults:.0f} LOST OR REPEATED" if faults else "Nothing was lost, nothing delivered more than once.")
    return "\n".join(lines)


def as_json(figures: Sequence[Figure], titles: Mapping[str, str], bare: Bare, facts: Mapping[str, Any]) -> str:
    """Every figure with its unit and its runs, and what it is compared with."""
    told = {
        "facts": dict(facts),
        "bare": {
            "posts_per_second": {"unit": "posts/s", "value": bare.per_second, "runs": bare.runs},
            "cpu": {"unit": "ms", "value": bare.cpu_ms},
            "latency": {"unit": "ms", "connections_64": dict(bare.took), "connections_1": dict(bare.alone)},
        },
        "figures": [_entry(figure, titles[figure.part]) for figure in figures],
    }
    return json.dumps(told, indent=1) + "\n"


def _entry(figure: Figure, title: str) -> dict[str, Any]:
    target = figure.target and {
        "sign": figure.target.sign,
        "bound": figure.target.bound,
        "of": "ratio" if figure.target.ratio else "value",
        "met": figure.met,
    }
    return {
        "part": figure.part,
        "title": title,
        "key": figure.key,
        "name": figure.name,
        "unit": figure.unit,
        "value": figure.value,
        "value_is": "sum" if figure.key in FAULTS else "median",
        "runs": figure.runs,
        "bare": figure.bare,
        "ratio": figure.ratio,
        "target": target,
    }
