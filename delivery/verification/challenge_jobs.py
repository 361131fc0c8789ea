"""What is due at a webhook: its challenge, its probe or its heartbeat, a job each time (protocol.md 6.3, 6.6).

Asking is left to `challenges.py`, what an answer makes of the status to `verdicts.py`; when a row is written, to
`webhook_lifecycle.py`.
"""

import logging
from datetime import timedelta

from delivery.foundation import WiredFoundation
from delivery.judgement import breaker
from delivery.judgement.pace import KEEP, RateTerms
from delivery.ledger.jobs import job_rows
from delivery.ledger.jobs.job_rows import ClaimedJob
from delivery.ledger.owing import parking
from delivery.ledger.records import challenge_attempts
from delivery.ledger.webhooks import rate_limits, status
from delivery.tickets import Job, Nudge
from delivery.verification import probes, status_moves
from delivery.verification.challenges import Challenger, ChallengeResult
from delivery.verification.probes import Deliver, ProbeResult
from delivery.verification.verdicts import Verdicts
from delivery.wire.challenge import Unverified, Verified
from subscriptions.ground.database import repeating
from subscriptions.webhooks.webhook_store import Hook

log = logging.getLogger("hooklake.delivery")

#: How much longer than its attempt a challenge's lease lasts, in seconds.
MARGIN = 5.0


class ChallengeJobs:
    """Carries out what is due."""

    def __init__(self, base: WiredFoundation, verdicts: Verdicts) -> None:
        self._base = base
        self._challenger = Challenger(base.sender, base.clock, base.settings, base.naming)
        self._verdicts = verdicts
        self._rules = breaker.rules(base.settings)

    async def carry(self, job: Job, probe: Deliver) -> None:
        """One attempt of a challenge that is due, a probe or a heartbeat; `probe` attempts an owed delivery (`probes.py`)."""
        lease = self._base.settings.challenge_timeout + self._base.settings.delivery_timeout + MARGIN
        async with self._base.database.raw() as connection:
            carried = await job_rows.claim(connection, job, now=self._base.clock(), lease=lease)
            hooks = {} if carried is None else await self._base.webhook_store.hooks(connection, [carried.key])
        if carried is None:
            return
        hook = hooks.get(carried.key)
        if hook is None or hook.epoch != carried.row["epoch"]:
            # Deleted or changed since: what replaced this challenge has a row of its own.
            async with self._base.database.raw() as connection:
                await job_rows.end(connection, carried)
            return
        if carried.row["purpose"] == status.HEARTBEAT:
            await self._beaten(carried, await self._challenger.ask(hook))
        elif carried.row["purpose"] in (status.PROBE, status.EARNED):
            await self._probe(carried, hook, probe)
        else:
            result = await self.shake(hook)
            await self._conclude(carried, result.proof, result.terms)

    async def shake(self, hook: Hook) -> ChallengeResult:
        """Asks for the proof, and keeps what was asked and answered."""
        result = await self._challenger.shake(hook)
        await challenge_attempts.keep(self._base.database, result.tried)
        return result

    @repeating
    async def _beaten(self, carried: ClaimedJob, terms: RateTerms) -> None:
        """What a heartbeat came to: the terms hold from now on, and the next one is due."""
        now = self._base.clock()
        async with self._base.database.raw() as connection, connection.transaction():
            nudges = await rate_limits.allow(connection, (carried.key, carried.row["epoch"]), terms, now=now)
            await job_rows.again(connection, carried, due_at=self._verdicts.next_beat(carried.key, now), tries=0)
        self._base.announce(nudges)
        log.info("webhook.asked webhook=%s rate=%s", carried.key, "kept" if terms.rate is KEEP else terms.rate)

    async def _probe(self, carried: ClaimedJob, hook: Hook, deliver: Deliver) -> None:
        async with self._base.database.raw() as connection:
            halted = await status.halted(connection, carried.key, failures=self._rules.halt_failures)
        asks = self.shake if self._challenger.asks(hook) else None
        await self._probed(carried, await probes.probe(hook, asks, deliver, halted=halted))

    @repeating
    async def _probed(self, carried: ClaimedJob, probed: ProbeResult) -> None:
        """What a probe came to: it healed the webhook, or the next one is due."""
        now = self._base.clock()
        async with self._base.database.raw() as connection:
            async with connection.transaction():
                standing = await status.lock(connection, carried.key)
                epoch = carried.row["epoch"]
                granted = await rate_limits.allow(connection, (carried.key, epoch), probed.terms, now=now)
                nudges: list[Nudge] = [*granted]
                if standing is None or standing.epoch != epoch or not status_moves.waits(standing.health):
                    await job_rows.end(connection, carried)
                elif probed.worked:
                    nudges.extend(await self._verdicts.apply(connection, carried.key, standing, Verified()))
                else:
                    await probes.again(connection, carried, probed, rules=self._rules, now=now)
            if probed.worked is None and await status.waiting(connection, carried.key):
                # Parked after this probe had looked, and before it was marked as earned.
                nudges.extend(await parking.look_again(connection, [carried.key], now=now))
        self._base.announce(nudges)
        log.info("webhook.probed webhook=%s result=%s", carried.key, probed.worked)

    @repeating
    async def _conclude(self, carried: ClaimedJob, proof: Verified | Unverified, terms: RateTerms) -> None:
        """What a challenge's try came to: the status moves, or the next attempt is due."""
        now, tries = self._base.clock(), carried.row["tries"] + 1
        delays = self._base.settings.challenge_delays
        nudges: list[Nudge] = []
        async with self._base.database.raw() as connection, connection.transaction():
            standing = await status.lock(connection, carried.key)
            nudges.extend(await rate_limits.allow(connection, (carried.key, carried.row["epoch"]), terms, now=now))
            if standing is None or standing.epoch != carried.row["epoch"] or not status_moves.waits(standing.health):
                await job_rows.end(connection, carried)
            elif isinstance(proof, Unverified) and tries <= len(delays):
                due_at = now + timedelta(seconds=delays[tries - 1])
                await job_rows.again(connection, carried, due_at=due_at, tries=tries)
                said = status_moves.trying(proof.reason, tries, of=len(delays) + 1, next_at=due_at)
                await status.say(connection, carried.key, said)
            else:
                nudges.extend(await self._verdicts.apply(connection, carried.key, standing, proof))
                log.info("webhook.greeted webhook=%s result=%s", carried.key, type(proof).__name__.lower())
        self._base.announce(nudges)
