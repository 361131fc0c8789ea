"""The shipped catalogues as a deployment has them that has switched all of them on."""

from uuid import uuid4

import msgspec
from sqlalchemy import insert

from service.services import Services
from subscriptions.catalogue.builtin.shipped import CATALOGUES, shipped
from subscriptions.catalogue.builtin.switching import switch_on
from subscriptions.catalogue.tables import event_apis, event_type_versions


async def described(services: Services) -> None:
    """All shipped types, each version as it is shipped."""
    await switch_on(services.database, [shipped(each) for each in CATALOGUES], now=services.clock())
    now = services.clock()
    async with services.database.transaction() as connection:
        for number, document in enumerate(each for name in CATALOGUES for each in shipped(name).documents):
            api = {
                "id": uuid4(),
                "name": document.read.title,
                "version": document.read.version,
                "document": document.text,
                "format": "YAML",
                "asyncapi": document.read.asyncapi,
                "details": "{}",
                "origin": "builtin",
                "generation": 1,
                "created_at": now,
                "updated_at": now,
            }
            await connection.execute(insert(event_apis), api)
            rows = [
                {
                    "id": uuid4(),
                    "event_type": each.type,
                    "event_api": api["id"],
                    "version": document.read.version,
                    "revision": number,
                    "dialect": each.payload_dialect,
                    "content_type": "application/json",
                    "payload": each.payload.decode() if each.payload else None,
                    "examples": (b"[" + b",".join(each.examples) + b"]").decode(),
                    "attributes": msgspec.json.encode(each.attributes).decode(),
                    "deprecated": each.deprecated,
                    "created_at": now,
                }
                for each in document.read.events
            ]
            await connection.execute(insert(event_type_versions), rows)
