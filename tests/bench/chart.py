"""The figures as a picture: bars beside the yardstick, with a mark where each should come to; plain SVG, made by hand.

Which figures there are is left to the parts; those that are missing leave no gap.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from tests.bench.figures import Figure

WIDTH, LEFT, RIGHT = 860, 310, 740
ROW, BAR, GAP = 22, 12, 34
INK, FAINT, GRID = "#2b2f36", "#6b7280", "#e5e7eb"
GOOD, BAD, MARK = "#5b8db8", "#d08a5b", "#2b2f36"


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A group of bars on one scale."""

    title: str
    #: (part, key) of each bar, and what it is called.
    bars: Mapping[tuple[str, str], str]
    #: Whether bars show the ratio to bare; else the value.
    ratio: bool = True
    unit: str = ""


PANELS = (
    Panel(
        title="Per second, of a bare aiohttp POST loop: longer is better",
        bars={
            ("singles", "acknowledged"): "single posts: acknowledged",
            ("singles", "delivered"): "single posts: delivered",
            ("arrays", "acknowledged"): "arrays of 100: acknowledged",
            ("arrays", "delivered"): "arrays of 100: delivered",
            ("backlog", "acknowledged"): "arrays of 100, workers stopped: acknowledged",
            ("backlog", "drained"): "backlog, workers started again: drained",
            ("fanout", "delivered"): "fan-out 1 to 10: delivered",
            ("spread", "delivered"): "fan-out 1 to 1,000: delivered",
            ("storm", "tries"): "all receivers answer 503: tries",
        },
    ),
    Panel(
        title="CPU per delivery, times that of a bare POST: shorter is better",
        bars={
            ("singles", "ours"): "single posts: our processes",
            ("singles", "stores"): "single posts: PostgreSQL and broker",
            ("arrays", "ours"): "arrays of 100: our processes",
            ("arrays", "stores"): "arrays of 100: PostgreSQL and broker",
            ("fanout", "ours"): "fan-out 1 to 10: our processes",
            ("fanout", "stores"): "fan-out 1 to 10: PostgreSQL and broker",
        },
    ),
    Panel(
        title="Publish to sink, milliseconds: shorter is better",
        bars={
            ("slow", "p50"): "50 events/s: p50",
            ("slow", "p99"): "50 events/s: p99",
            ("half", "p50"): "half the rate of single posts: p50",
            ("half", "p99"): "half the rate of single posts: p99",
        },
        ratio=False,
        unit=" ms",
    ),
)


def svg(figures: Sequence[Figure], foot: Sequence[str]) -> str:
    """The whole picture; `foot` is written below it, a line each."""
    found = {(figure.part, figure.key): figure for figure in figures}
    parts, top = list[str](), 64.0
    for panel in PANELS:
        bars = [(name, found[key]) for key, name in panel.bars.items() if key in found]
        if bars:
            drawn, top = _panel(panel, bars, top)
            parts += drawn
    for line in foot:
        parts.append(_text(24, top, line, size=11, colour=FAINT))
        top += 16
    height = top + 8
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" '
        f'height="{height:.0f}" font-family="system-ui, -apple-system, Segoe UI, DejaVu Sans, sans-serif">'
    )
    title = _text(24, 32, "Hooklake beside a bare aiohttp POST loop", size=17, weight=600)
    return "\n".join([head, '<rect width="100%" height="100%" fill="#ffffff"/>', title, *parts, "</svg>"]) + "\n"


def _panel(panel: Panel, bars: Sequence[tuple[str, Figure]], top: float) -> tuple[list[str], float]:
    """The drawn panel, and where the next one begins."""
    values = [(figure.ratio if panel.ratio else figure.value) or 0.0 for _, figure in bars]
    bounds = [figure.target.bound for _, figure in bars if figure.target]
    scale = (RIGHT - LEFT) / (max([*values, *bounds]) * 1.05 or 1.0)
    drawn = [_text(24, top + 6, panel.title, size=13, weight=600)]
    top += 22
    end = top + ROW * len(bars)
    drawn.append(f'<line x1="{LEFT}" y1="{top}" x2="{LEFT}" y2="{end}" stroke="{GRID}"/>')
    for (name, figure), value in zip(bars, values, strict=True):
        y, length = top + (ROW - BAR) / 2, max(value * scale, 1.0)
        colour = BAD if figure.met is False else GOOD
        drawn.append(_text(LEFT - 10, y + BAR - 2, name, size=12, anchor="end"))
        drawn.append(
            f'<rect x="{LEFT}" y="{y:.1f}" width="{length:.1f}" height="{BAR}" rx="2" fill="{colour}">'
            f"<title>{escape(name)}: {value:.3g}{panel.unit}</title></rect>"
        )
        beyond = LEFT + length
        if figure.target:
            x = LEFT + figure.target.bound * scale
            drawn.append(f'<line x1="{x:.1f}" y1="{y - 3:.1f}" x2="{x:.1f}" y2="{y + BAR + 3:.1f}" stroke="{MARK}" '
                         'stroke-width="2"/>')  # fmt: skip
            # The number has room before a mark that is far off, else it comes after it.
            beyond = x if beyond <= x < beyond + 100 else beyond
        aim = f"  ({'≥' if figure.target.sign == '>=' else '≤'} {figure.target.bound:g})" if figure.target else ""
        drawn.append(_text(beyond + 7, y + BAR - 2, _digits(value) + panel.unit + aim, size=11, colour=FAINT))
        top += ROW
    return drawn, top + GAP


def _digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _text(x: float, y: float, text: str, **style: object) -> str:
    """`style`: size in pixels, weight, colour, anchor."""
    said = {"size": 12, "weight": 400, "colour": INK, "anchor": "start", **style}
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{said["size"]}" font-weight="{said["weight"]}" '
        f'fill="{said["colour"]}" text-anchor="{said["anchor"]}">{escape(text)}</text>'
    )
