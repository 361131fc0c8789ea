"""The yardstick: one process that posts the same body to the same sink with nothing but aiohttp, 64 at a time.

`python -m tests.bench.bare URL COUNT` prints posts per second and CPU milliseconds per post as JSON.
"""

import asyncio
import json
import sys
import time

import aiohttp
import uvloop

from tests.bench.load import PAD

CONNECTIONS = 64


async def run(url: str, count: int) -> dict[str, float]:
    left = iter(range(count))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS)) as session:

        async def post() -> None:
            for seq in left:
                body = (
                    f'{{"specversion":"1.0","id":"01a20500-0000-7000-8000-{seq:012d}","source":"//global.bench/bench",'
                    f'"type":"com.hpe.greenlake.bench.v1.things.measured","data":{{"seq":{seq},"sent":{time.time():.6f},'
                    f'"name":"thing {seq}","ok":true,"pad":"{PAD}"}}}}'
                )
                headers = {"Content-Type": "application/json"}
                async with session.post(url, data=body.encode(), headers=headers) as answer:
                    await answer.read()

        began, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(post() for _ in range(CONNECTIONS)))
        seconds, used = time.perf_counter() - began, time.process_time() - cpu
    return {"per_second": count / seconds, "cpu_ms": used * 1000 / count}


if __name__ == "__main__":
    print(json.dumps(uvloop.run(run(sys.argv[1], int(sys.argv[2])))))
