"""Histograms of milliseconds: buckets that each reach a fifth further than the one before, so that a quantile is known to 10 %.

A bucket with what is in it is one number, as the server keeps them in an array: how many, and above `SHIFT` bits which bucket.
Merging two of them is left to the statements that fold.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping

#: How much further each bucket reaches than the one before it.
RATIO = 1.2
#: Bits of a number that count; those above them are the bucket's.
SHIFT = 40

#: For statements: the bucket of `ms`, a number of milliseconds, and what is kept of two arrays together.
BUCKET = f"floor(ln(greatest(ms, 1)) / ln({RATIO}))::bigint"
MERGED = f"""(
    SELECT coalesce(array_agg((b << {SHIFT}) + n ORDER BY b), '{{}}') FROM (
        SELECT v >> {SHIFT} AS b, sum(v & {(1 << SHIFT) - 1})::bigint AS n FROM unnest({{both}}) AS v GROUP BY 1
    ) AS m
)"""


def merged(histograms: Iterable[Iterable[int]]) -> Counter[int]:
    """How many there are in each bucket of all of them together."""
    found: Counter[int] = Counter()
    for histogram in histograms:
        for number in histogram:
            found[number >> SHIFT] += number & (1 << SHIFT) - 1
    return found


def quantile(buckets: Mapping[int, int], share: float) -> float | None:
    """Milliseconds that `share` of them do not exceed, within 10 %; None of an empty histogram."""
    rank, passed = math.ceil(share * sum(buckets.values())), 0
    for bucket, count in sorted(buckets.items()):
        passed += count
        if passed >= rank and count:
            # The bucket's geometric middle is no further than its square root's share from either end.
            return float(RATIO ** (bucket + 0.5))
    return None
