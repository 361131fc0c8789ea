"""What can be set about delivery: policy, schedule, deadlines, health, retention and the guard's allow-list.

Reading them is left to process roots (`subscriptions.ground.settings.read`), what they decide to those who are handed them.
"""

import re
from typing import Annotated, Literal

import msgspec

from subscriptions.ground.discreet import Discreet
from subscriptions.ground.errors import Misconfigured
from subscriptions.ground.settings import SHARE

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
ORIGIN = re.compile(r"[!-+\--~]+")


class DeliverySettings(Discreet, msgspec.Struct, frozen=True, kw_only=True):
    """Durations are seconds; lists are comma-separated in the environment. What cannot work raises Misconfigured."""

    #: Which answers are retried, fail at once, or disable the webhook (greenlake.md D.7).
    delivery_policy: Literal["standard", "greenlake"] = "standard"

    #: The waits before attempts 2, 3, ...: there is one attempt more than there are waits.
    retry_delays: tuple[float, ...] = (
        *(3.0, 8.0, 20.0, 45.0, 90.0, 180.0, 300.0, 600.0, 900.0, 1200.0),
        *(1800.0, 2400.0, 2700.0, 3000.0, 3600.0, 4200.0, 4800.0, 5400.0, 6000.0),
    )
    #: Each wait is stretched or shortened at random by up to this share of it.
    retry_jitter: Annotated[float, SHARE] = 0.1
    #: From the start of the first attempt; no attempt is scheduled beyond it.
    retry_window: float = 12 * HOUR
    #: The least wait after a 429 that names none.
    rate_limited_floor: float = MINUTE

    #: Until the connection stands, TLS included.
    connect_timeout: float = 5.0
    #: For the whole attempt, from the name look-up to the last byte of the answer.
    delivery_timeout: float = 15.0
    #: How long the bytes of a request may go unacknowledged by the other end's system (Linux tells it).
    acknowledge_timeout: float = 3.0
    #: How much longer than an attempt its lease lasts.
    lease_margin: float = 5.0
    #: A new delivery becomes due to the sweep this long after acceptance; its ticket normally comes first.
    first_due: float = 2.0
    #: The longest that an event waits for others to be batched with.
    batch_wait: float = MINUTE
    #: Bytes of an answer's body that are read and kept.
    answer_body_bytes: int = 65536
    #: Bytes of it, and of its headers, that are kept of attempts between the first and the last of a delivery.
    answer_body_bytes_between: int = 4096
    #: Bytes that one process keeps of long answers (more than 2 KB) of each workspace's webhooks, an hour; beyond it their first
    #: 512 bytes or so; 0: any number.
    answer_bytes_per_hour: int = 8 << 20

    #: A webhook is halted when more attempts than this failed since the last success within `failure_window` ...
    halt_failures: int = 20
    #: ... and those failures span at least this long (greenlake.md D.8).
    halt_after: float = 15 * MINUTE
    #: Failures older than this are forgotten; a webhook without one for so long is ACTIVE again.
    failure_window: float = 12 * HOUR
    #: With a success since its last failure a webhook is ACTIVE again after so long without another.
    calm_after: float = 5 * MINUTE
    #: The waits before the second, third, ... try of a challenge.
    challenge_delays: tuple[float, ...] = (2.0, 3.0, 5.0)
    #: For one whole try of a challenge.
    challenge_timeout: float = 5.0
    #: What a destination has to do before it gets anything, where its owner left the challenge out: nothing, allow us by
    #: an OPTIONS answer, or (`challenge`) no owner may leave it out.
    require_proof: Literal["never", "origin", "challenge"] = "never"
    #: Registrations and changes that ask for a challenge that each workspace may make of a minute, and as many verifications
    #: beside them, and as many fetches of documents; 0: any number.
    registrations_per_minute: int = 60
    #: Whom destinations are asked for leave by: the `WebHook-Request-Origin` of an OPTIONS request, and of what follows it.
    request_origin: str = "https://common.cloud.hpe.com"
    #: The longest time until an active webhook's destination is asked again what it allows; some are asked after half of it.
    #: An hour: rates change with deployments, and whoever cannot wait asks for a verification. It costs 10,000 webhooks four
    #: requests a second.
    heartbeat_interval: float = HOUR
    #: Until the first probe of a halted webhook; doubled with each that fails, up to `probe_interval_max`.
    probe_interval: float = MINUTE
    probe_interval_max: float = HOUR

    #: Deliveries that have not ended, of all webhooks of a workspace: with more, its publications are refused; 0: any number.
    owed_per_workspace: int = 1_000_000
    #: Replays of a workspace that may be open at a time, and deliveries that one of them may have.
    replays_per_workspace: int = 5
    replay_rows: int = 1_000_000
    #: Deliveries of a replay that may become due in a second, at most.
    replay_rate: int = 500

    #: How long deliveries wait for a webhook that may not be sent to, before they expire.
    keep_undelivered: float = 3 * DAY
    #: How long events, deliveries and attempts can be read.
    keep_records: float = 30 * DAY
    #: How long their payloads can be: bodies of events, headers and answers of attempts. 0: as long as the rest.
    keep_payloads: float = 0.0

    #: How long entries of the audit log are.
    keep_audit: float = 365 * DAY

    #: How long the numbers of each minute, of each hour and of each day are kept: a minute's of a webhook take 300 bytes or so.
    keep_minute_rollups: float = 6 * HOUR
    keep_hour_rollups: float = 15 * DAY
    keep_day_rollups: float = 400 * DAY

    #: An issue of failed attempts is resolved once its webhook has succeeded since, and it has been quiet for so long.
    issue_quiet: float = 15 * MINUTE
    #: How long before a webhook's certificate ends it is an issue.
    certificate_notice: float = 14 * DAY

    #: Networks, addresses and host names that may be dialled although they are not public.
    allow_destinations: tuple[str, ...] = ()
    #: Whether destinations may be plain http; meant for a laptop.
    allow_http: bool = False
    #: A file of further certificate authorities (PEM) that destinations may be signed by.
    ca_bundle: str = ""
    #: `http[s]://[user:password@]host:port` of a proxy that destinations and token endpoints are dialled through; empty: none.
    egress_proxy: str = ""

    #: Steps that one event filter may take of one event; one that would take more lets it pass, and its webhook says so.
    filter_steps: int = 20_000
    #: An event with more matches than this is spread: its deliveries are written after its publication ...
    spread_threshold: int = 500
    #: ... in chunks of this many.
    spread_chunk: int = 500

    def __post_init__(self) -> None:
        for name in POSITIVE:
            _require(getattr(self, name) > 0, name, "has to be more than 0")
        for name in NOT_NEGATIVE:
            _require(getattr(self, name) >= 0, name, "may not be negative")
        _require(all(wait >= 0 for wait in self.retry_delays), "retry_delays", "may not hold a negative wait")
        _require(all(wait >= 0 for wait in self.challenge_delays), "challenge_delays", "may not hold a negative wait")
        _require(
            self.first_due <= self.delivery_timeout + self.lease_margin,
            "first_due",
            "may not be longer than a lease (HOOKLAKE_DELIVERY_TIMEOUT + HOOKLAKE_LEASE_MARGIN)",
        )
        _require(0 <= self.retry_jitter < 1, "retry_jitter", "is a share from 0 to less than 1")
        _require(
            ORIGIN.fullmatch(self.request_origin) is not None,
            "request_origin",
            "is sent as a header: printable ASCII without spaces and commas",
        )
        _require(
            self.probe_interval <= self.probe_interval_max,
            "probe_interval",
            "may not be longer than HOOKLAKE_PROBE_INTERVAL_MAX",
        )


POSITIVE = (
    "acknowledge_timeout",
    *("retry_window", "connect_timeout", "delivery_timeout", "lease_margin", "challenge_timeout", "probe_interval"),
    *(
        "failure_window",
        "batch_wait",
        "heartbeat_interval",
        "keep_undelivered",
        "keep_records",
        "keep_audit",
        "spread_chunk",
    ),
    *("filter_steps", "keep_minute_rollups", "keep_hour_rollups", "keep_day_rollups"),
    *("replays_per_workspace", "replay_rows", "replay_rate"),
)
NOT_NEGATIVE = (
    *("rate_limited_floor", "first_due", "answer_body_bytes", "halt_failures", "halt_after", "spread_threshold"),
    *(
        "keep_payloads",
        "registrations_per_minute",
        "calm_after",
        "answer_body_bytes_between",
        "owed_per_workspace",
        "answer_bytes_per_hour",
        *("issue_quiet", "certificate_notice"),
    ),
)


def _require(holds: bool, name: str, rule: str) -> None:
    if not holds:
        raise Misconfigured(f"HOOKLAKE_{name.upper()} {rule}")
