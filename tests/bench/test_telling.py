"""How the bench tells what it came to, without running it: targets, the table, the picture, statements in a log, growth."""

import json
from xml.etree import ElementTree

import pytest

from tests.bench import chart, counters, dashboard, report, soak
from tests.bench.figures import Bare, Figure, Target, gathered

ALONE = {"p50": 0.5, "p95": 1.0, "p99": 2.0}
BARE = Bare(per_second=1000.0, runs=(900.0, 1000.0, 1100.0), cpu_ms=0.2, took={"p50": 60.0}, alone=ALONE)
TITLES = {"singles": "single posts", "slow": "50 events/s"}
TARGETS = {"delivered": Target(sign=">=", bound=0.25, ratio=True), "ours": Target(sign="<=", bound=4.3, ratio=True)}


def singles() -> list[Figure]:
    """Three runs, of which one lost something."""
    runs = [{"delivered": rate, "ours": 1.0, "lost": lost} for rate, lost in ((200.0, 0.0), (300.0, 1.0), (900.0, 0.0))]
    return gathered("singles", runs, TARGETS, BARE)


def test_a_figure_is_a_median_beside_bare_and_its_target() -> None:
    """Medians, ratios to the same measure of bare, and whether the target is met; what is lost in any run counts."""
    delivered, ours, lost = singles()

    assert (delivered.value, delivered.ratio, delivered.met) == (300.0, 0.3, True)
    assert (ours.value, ours.ratio, ours.met) == (1.0, 5.0, False)
    assert (lost.value, lost.ratio, lost.met) == (1, None, None)


def test_a_slow_part_is_compared_with_posts_one_by_one() -> None:
    """Latencies of 50 events a second stand beside those of a connection that has the sink to itself."""
    [slow] = gathered("slow", [{"p50": 5.0}], {"p50": Target(sign="<=", bound=8, ratio=False)}, BARE)

    assert (slow.ratio, slow.met) == (10.0, True)


def test_what_is_missed_is_said() -> None:
    """The table marks it, and the end repeats it."""
    rows = report.block("single posts", singles())

    assert "met" in next(row for row in rows.splitlines() if "end to end" in row)
    assert "MISSED" in next(row for row in rows.splitlines() if "our processes" in row)
    assert "MUST NOT BE" in next(row for row in rows.splitlines() if "lost" in row)
    verdict = report.verdict(singles(), TITLES)
    assert "1 of 2 targets are met." in verdict
    assert "1 LOST OR REPEATED" in verdict


def test_the_json_holds_every_run() -> None:
    """Each figure with its unit, its runs and its target."""
    told = json.loads(report.as_json(singles(), TITLES, BARE, {"machine": "two cores"}))

    delivered = told["figures"][0]
    assert (delivered["unit"], delivered["runs"]) == ("deliveries/s", [200.0, 300.0, 900.0])
    assert delivered["target"] == {"sign": ">=", "bound": 0.25, "of": "ratio", "met": True}
    assert told["facts"] == {"machine": "two cores"}


def test_the_picture_is_well_formed() -> None:
    """An SVG with a bar for each figure that there is, a mark for each target, and its words escaped."""
    root = ElementTree.fromstring(chart.svg(singles(), ["a <b> & c"]))

    words = ["".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "a <b> & c" in words
    assert len(list(root.iter("{http://www.w3.org/2000/svg}rect"))) == 3
    assert len([line for line in root.iter("{http://www.w3.org/2000/svg}line") if line.get("stroke-width")]) == 2


def test_statements_are_read_from_the_log_of_the_server() -> None:
    """Simple and prepared ones, over several lines too, but for those of the bench's own connection."""
    log = (
        b"2026-11-27 19:01:25.123 UTC [7] LOG:  statement: BEGIN;\n"
        b"2026-11-27 19:01:25.124 UTC [7] LOG:  execute __asyncpg_stmt_3__: \n\twith x AS (SELECT 1)\n\tSELECT * FROM x\n"
        b"2026-11-27 19:01:25.125 UTC [8] LOG:  execute <unnamed>: SELECT 'LOG:  statement'\n"
        b"2026-11-27 19:01:25.126 UTC [9] LOG:  statement: SELECT pg_reload_conf()\n"
        b"2026-11-27 19:01:25.127 UTC [3] LOG:  received SIGHUP, reloading configuration files\n"
    )

    assert counters.executed(log, but=9) == [b"BEGIN", b"WITH", b"SELECT"]


@pytest.mark.parametrize(
    ("last", "grown"), [(106.0, []), (108.0, ["api"])], ids=["within 5 % and 2 MB", "more than that"]
)
def test_a_soak_compares_the_second_minute_with_the_last(last: float, grown: list[str]) -> None:
    """The first one fills pools and caches; a look that is far off is no growth."""
    held = [50.0] * 10 + [100.0] * 80 + [last] * 9 + [900.0]

    rows, found = soak.told([{"api": megabytes} for megabytes in held])

    assert grown == found
    assert ("NOT FLAT" in rows[1]) is bool(grown)


def test_a_page_tells_which_of_its_filters_there_are_to_click() -> None:
    """Each choice of each list, and something in each field; hidden fields are no filters."""
    page = (
        '<form class="filters" action="/dashboard/things?workspace=7" method="get">'
        '<input type="hidden" name="workspace" value="7"><select id="s" name="state"><option value="">any</option>'
        '<option value="failed">Failed</option></select><input type="search" id="x" name="type" value=""></form>'
    )

    assert list(dashboard.filtered(page)) == [
        "/dashboard/things?workspace=7&state=failed",
        "/dashboard/things?workspace=7&type=com.hpe.greenlake.bench.v1.grown.measured",
    ]
    assert dashboard.name_of("/dashboard/x/0199d6a4-9e75-7000-8000-00000000000a/edit") == "/dashboard/x/{id}/edit"
