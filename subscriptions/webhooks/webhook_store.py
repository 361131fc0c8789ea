"""The registry: webhooks and their sealed secrets, kept for their workspaces.

What they subscribe to is left to `subscription_store.py`; statuses, epochs and challenges, once a row stands, to
`delivery/verification/webhook_lifecycle.py`.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from subscriptions.ground import tables
from subscriptions.ground.database import Raw
from subscriptions.ground.errors import Absent, Issue, LimitReached, Refused, Sealed
from subscriptions.ground.statements import Ids, Row, statement
from subscriptions.ground.vault import Vault
from subscriptions.webhooks import origins, webhook
from subscriptions.webhooks.certificates import TlsOptions
from subscriptions.webhooks.predicates import PREDICATES
from subscriptions.webhooks.webhook import Change, OAuthClient, Owner, Registration, Webhook
from subscriptions.webhooks.webhook_list import LIVE, SHOWN, webhook_of, within

_table = tables.webhooks
LIMIT = "HOOKLAKE_MAX_WEBHOOKS_PER_WORKSPACE"

HOOKS = statement(__package__, "hooks", Ids, PREDICATES)


@dataclass(frozen=True, kw_only=True)
class Hook:
    """A webhook as a worker sends to it, credentials unsealed."""

    id: UUID
    workspace_id: str
    #: Rises with each update: (id, generation) names what stands here for good.
    generation: int
    epoch: int
    destination: str
    #: The live ones, primary first; none where `sealed` says why.
    secrets: tuple[str, ...] = field(repr=False)
    #: The value of the Authorization header, where it is known beforehand (APIKey).
    authorization: str | None = field(repr=False)
    #: How the token for that header is asked for (Oauth).
    oauth_client: OAuthClient | None
    #: What TLS connections to the destination need beside what all have; None where that is nothing.
    trust: TlsOptions | None
    content_mode: str
    challenge_request_enabled: bool
    #: Deliveries may go to it: its destination has proved itself, or does not have to.
    sendable: bool
    #: The origin that the destination allowed and that requests repeat; empty before a handshake (cloudevents.md W8).
    request_origin: str
    #: Why they could not be unsealed, as a sentence; None where they were.
    sealed: str | None


class WebhookStore:
    """Webhooks in SQL; each call stands in the caller's transaction.

    `most` is how many webhooks a workspace may have (greenlake.md D.9), `query_strings` whether a destination may carry
    one (greenlake.md D.15), `least_secret` how many characters a new secret has at least.
    """

    def __init__(self, vault: Vault, *, most: int = 5, query_strings: bool = True, least_secret: int = 4) -> None:
        self._vault = vault
        self._most = most
        self._query_strings = query_strings
        self._least_secret = least_secret

    async def insert(
        self,
        connection: AsyncConnection,
        registration: Registration,
        owner: Owner,
        *,
        now: datetime,
        pending: bool | None = None,
    ) -> Webhook:
        """A new webhook, PENDING where it has to answer a challenge (or `pending` says so), and ACTIVE where not.

        Raises Refused for a name in use, LimitReached beyond the workspace's limit, however many register at once.
        """
        self._check(registration.destination)
        self._check_secrets(registration)
        await _take_turns(connection, owner.workspace_id)
        await self._make_room(connection, owner.workspace_id)
        await _free(connection, owner.workspace_id, registration.name)
        key = uuid4()
        configuration = {name: getattr(registration, name) for name in Registration.__dataclass_fields__}
        pending = registration.challenge_request_enabled if pending is None else pending
        await connection.execute(
            insert(_table).values(
                **self._sealed(key, configuration, configuration),
                **_since(configuration, now),
                id=key,
                workspace_id=owner.workspace_id,
                paused=False,
                status="PENDING" if pending else "ACTIVE",
                # The time until it is sendable does not count against a delivery's window (protocol.md 5.5).
                halted_since=now if pending else None,
                hpe_principal=owner.principal,
                created_by=owner.created_by,
                created_at=now,
                updated_at=now,
            )
        )
        return await self.find(connection, owner.workspace_id, key)

    async def update(self, connection: AsyncConnection, webhook_id: UUID, change: Change, *, now: datetime) -> Webhook:
        """The configuration with the change, its generation one higher; status, `paused` and epoch are the caller's to move.

        A change that names no column leaves the row as it is. Raises Refused for a name in use and for credentials that
        do not fit the authType, Absent.
        """
        current = await self.find(connection, None, webhook_id, lock=True)
        values = webhook.columns(current, change)
        self._check_secrets(change)
        if change.destination is not None:
            self._check(change.destination)
        if change.name is not None and change.name != current.name:
            await _take_turns(connection, current.workspace_id)
            await _free(connection, current.workspace_id, change.name)
        if not values:
            return current
        urls = {name: str(values.get(name, getattr(current, name))) for name in ("destination", "issuer_url")}
        await connection.execute(
            update(_table)
            .where(_table.c.id == webhook_id)
            .values(
                **self._sealed(webhook_id, values, urls),
                **_since(values, now),
                generation=_table.c.generation + 1,
                updated_at=now,
            )
        )
        return await self.find(connection, None, webhook_id)

    async def soft_delete(self, connection: AsyncConnection, webhook_id: UUID, *, now: datetime) -> None:
        """Hides it from its workspace, frees its name, ends its subscriptions and forgets its secrets (greenlake.md D.14)."""
        await connection.execute(
            update(_table)
            .where(_table.c.id == webhook_id, LIVE)
            .values(
                deleted_at=now,
                updated_at=now,
                generation=_table.c.generation + 1,
                secret=b"",
                secondary_secret=None,
                client_secret=None,
                api_key=None,
                client_key=None,
            )
        )
        await connection.execute(tables.subscriptions.delete().where(tables.subscriptions.c.webhook == webhook_id))

    async def subscription_count(self, connection: AsyncConnection, webhook_id: UUID) -> int:
        """How many subscriptions the webhook has (greenlake.md D.12)."""
        counted = select(func.count()).select_from(tables.subscriptions)
        return await connection.scalar(counted.where(tables.subscriptions.c.webhook == webhook_id)) or 0

    async def find(
        self, connection: AsyncConnection, workspace_id: str | None, webhook_id: UUID, *, lock: bool = False
    ) -> Webhook:
        """One of the workspace's, or anybody's for None; `lock` holds its row. Raises Absent."""
        statement = select(*SHOWN).where(_table.c.id == webhook_id, LIVE, within(workspace_id))
        row = (await connection.execute(statement.with_for_update() if lock else statement)).one_or_none()
        if row is None:
            raise Absent("Webhook", str(webhook_id))
        return webhook_of(row)

    async def hooks(self, connection: Raw, ids: Sequence[UUID]) -> dict[UUID, Hook]:
        """What sending needs of each webhook that is not deleted; one that cannot be unsealed says so in `sealed`."""
        return {row["id"]: self._hook(row) for row in await HOOKS.fetch(connection, Ids(ids=list(ids)))}

    def _hook(self, row: Row) -> Hook:
        secrets: tuple[str, ...] = ()
        authorization = oauth_client = trust = reason = None
        try:
            live = (column for column in ("secret", "secondary_secret") if row[column] is not None)
            secrets = tuple(self._unsealed(row, column) for column in live)
            if row["auth_type"] == "APIKey":
                authorization = self._unsealed(row, "api_key")
            trust = self._trust(row)
            if row["auth_type"] == "Oauth":
                oauth_client = OAuthClient(
                    issuer_url=row["issuer_url"],
                    client_id=row["client_id"],
                    client_secret=self._unsealed(row, "client_secret"),
                    trust=trust if origins.same(row["issuer_url"], row["destination"]) else None,
                )
        except Sealed as error:
            secrets, reason = (), str(error)
        return Hook(
            id=row["id"],
            workspace_id=row["workspace_id"],
            generation=row["generation"],
            epoch=row["epoch"],
            destination=row["destination"],
            secrets=secrets,
            authorization=authorization,
            oauth_client=oauth_client,
            trust=trust,
            content_mode=row["content_mode"],
            challenge_request_enabled=row["challenge_request_enabled"],
            sendable=row["sendable"],
            request_origin=row["request_origin"],
            sealed=reason,
        )

    def _trust(self, row: Row) -> TlsOptions | None:
        if not row["ca_bundle"] and not row["client_certificate"]:
            return None
        key = "" if row["client_key"] is None else self._unsealed(row, "client_key")
        return TlsOptions(ca_bundle=row["ca_bundle"], client_certificate=row["client_certificate"], client_key=key)

    def _unsealed(self, row: Row, column: str) -> str:
        urls = {"destination": row["destination"], "issuer_url": row["issuer_url"]}
        return opened(self._vault, row[column], origins.places(row["id"], column, urls))[0]

    def _sealed(self, webhook_id: UUID, values: dict[str, Any], urls: Mapping[str, str]) -> dict[str, Any]:
        """The values with secrets sealed for where `urls` lead; an empty secret is none."""
        sealed = dict(values)
        for column in webhook.SECRETS:
            if column in sealed:
                text = sealed[column]
                place = origins.places(webhook_id, column, urls)[0]
                sealed[column] = self._vault.seal(text, context=place) if text else None
        return sealed

    def _check(self, destination: str) -> None:
        if not self._query_strings and urlsplit(destination).query:
            said = "must not have a query string under the delivery policy of this deployment"
            raise Refused(Issue(subject="destination", description=said))

    def _check_secrets(self, asked: Registration | Change) -> None:
        """Raises Refused for secrets that this deployment finds too short; an empty one is none."""
        given = {"secret": asked.secret, "secondarySecret": asked.secondary_secret}
        short = {subject: len(text) for subject, text in given.items() if text and len(text) < self._least_secret}
        if short:
            said = f"must have at least {self._least_secret} characters in this deployment, and has"
            raise Refused(*(Issue(subject=subject, description=f"{said} {size}") for subject, size in short.items()))

    async def _make_room(self, connection: AsyncConnection, workspace_id: str) -> None:
        counted = select(func.count()).select_from(_table).where(LIVE, _table.c.workspace_id == workspace_id)
        if (await connection.scalar(counted) or 0) >= self._most:
            said = f"the workspace has {self._most} webhooks, and may not have more ({LIMIT}); delete one first"
            raise LimitReached(Issue(subject="webhooks", description=said))


async def _take_turns(connection: AsyncConnection, workspace_id: str) -> None:
    """Registrations and renamings of one workspace wait for each other until the transaction ends.

    There is no row to lock for a count, and none for a name that is about to be taken. Always taken after rows, never before.
    """
    await connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"webhooks:{workspace_id}", 0))))


async def _free(connection: AsyncConnection, workspace_id: str, name: str) -> None:
    """Raises Refused where the workspace has a webhook of that name; GreenLake documents no conflict status for it."""
    taken = select(_table.c.id).where(LIVE, _table.c.workspace_id == workspace_id, _table.c.name == name)
    if other := await connection.scalar(taken):
        said = f"{name!r} is the name of another webhook of the workspace, /events/v1beta1/webhooks/{other}"
        raise Refused(Issue(subject="name", description=said))


def _since(values: Mapping[str, Any], now: datetime) -> dict[str, datetime | None]:
    """Since when the secrets among the values are what they are; none of one that goes."""
    return {f"{name}_since": now if values[name] else None for name in ("secret", "secondary_secret") if name in values}


def opened(vault: Vault, sealed: bytes, places: Sequence[bytes]) -> tuple[str, bytes]:
    """The text, and the one of the places that it is bound to; raises Sealed as the first of them has it."""
    try:
        return vault.unseal(sealed, context=places[0]), places[0]
    except Sealed:
        if len(places) == 1:
            raise
        with suppress(Sealed):
            return vault.unseal(sealed, context=places[-1]), places[-1]
        raise
