"""What Redis is asked about itself where it is the broker: its version, what waits, and whether its memory suits queues.

One round trip, over the client that kombu holds; how it was dialled, and for how long it is waited for, is `broker_connection`'s.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from delivery.tickets import BrokerReport

#: The share of its memory from which on Redis is said to be nearly full: beyond all of it, it refuses messages.
NEARLY = 0.9

EVICTS = "the broker may evict whole queues (maxmemory-policy {policy}): set it to noeviction"
FULL = "the broker uses {share:.0%} of its maxmemory, and refuses messages beyond it"


def ask(client: Redis, queues: Mapping[str, str]) -> BrokerReport:
    """`queues` are the keys of lists, by what they are called; raises what redis-py raises where they cannot be asked.

    Who may not ask for INFO gets neither version nor warnings.
    """
    pipeline = client.pipeline(transaction=False)
    for key in queues.values():
        pipeline.llen(key)
    pipeline.info("server")
    pipeline.info("memory")
    *depths, server, memory = pipeline.execute(raise_on_error=False)
    for depth in depths:
        if isinstance(depth, RedisError):
            raise depth
    server, memory = ({} if isinstance(each, RedisError) else each for each in (server, memory))
    return BrokerReport(
        product=str(server.get("server_name", "redis")),
        version=str(server.get("valkey_version") or server.get("redis_version") or ""),
        waiting=dict(zip(queues, depths, strict=True)),
        warnings=tuple(warnings(memory)),
    )


def warnings(memory: Mapping[str, Any]) -> Sequence[str]:
    """What about its memory endangers messages, as sentences; `memory` is that section of INFO."""
    most, policy = int(memory.get("maxmemory", 0)), str(memory.get("maxmemory_policy", ""))
    if not most:
        return []
    share = int(memory.get("used_memory", 0)) / most
    # `volatile-*` evicts what has an end of its own; queues have none.
    evicts = policy.startswith("allkeys-")
    return [
        *([EVICTS.format(policy=policy)] if evicts else []),
        *([FULL.format(share=share)] if share >= NEARLY and not evicts else []),
    ]
