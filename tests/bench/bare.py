"""The yardstick: one process that posts the same body to the same sink with nothing but aiohttp, 64 at a time.

`python -m tests.bench.bare URL SECONDS CONNECTIONS` prints what it came to as JSON. How often it is run is left to the bench.
"""

import asyncio
import json
import sys
import time

import aiohttp
import uvloop

from tests.bench.load import PAD

CONNECTIONS = 64


async def run(url: str, seconds: float, connections: int) -> dict[str, float]:
    """Posts per second, CPU milliseconds per post, and the milliseconds that a post took (`p50`, `p95`, `p99`)."""
    took: list[float] = []
    end = time.perf_counter() + seconds
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=connections)) as session:

        async def post() -> None:
            while (began := time.perf_counter()) < end:
                async with session.post(url, data=_body(len(took)), headers=HEADERS) as answer:
                    await answer.read()
                took.append((time.perf_counter() - began) * 1000)

        start, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(post() for _ in range(connections)))
        passed, used = time.perf_counter() - start, time.process_time() - cpu
    took.sort()
    quantiles = {f"p{q}": took[len(took) * q // 100] for q in (50, 95, 99)}
    return {"per_second": len(took) / passed, "cpu_ms": used * 1000 / len(took), **quantiles}


HEADERS = {"Content-Type": "application/json"}


def _body(seq: int) -> bytes:
    """What a delivery looks like."""
    return (
        f'{{"specversion":"1.0","id":"01a20500-0000-7000-8000-{seq:012d}","source":"//global.bench/bench",'
        f'"type":"com.hpe.greenlake.bench.v1.things.measured","data":{{"seq":{seq},"sent":{time.time():.6f},'
        f'"name":"thing {seq}","ok":true,"pad":"{PAD}"}}}}'
    ).encode()


if __name__ == "__main__":
    print(json.dumps(uvloop.run(run(sys.argv[1], float(sys.argv[2]), int(sys.argv[3])))))
