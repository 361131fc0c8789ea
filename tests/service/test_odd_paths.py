"""Paths and queries that hold what PostgreSQL keeps in no text."""

import re

import httpx
import pytest

from service.api import openapi
from subscriptions.access.clients import Role
from tests.service.callers import Callers


@pytest.mark.parametrize("odd", ["%00", "a%00b", "%ED%A0%80", "%FF", "%F0%9F%98"])
async def test_every_parameter(api: httpx.AsyncClient, callers: Callers, odd: str) -> None:
    """NUL and what is no UTF-8 in any parameter of any operation is the caller's fault, or finds nothing: never a defect."""
    headers = await callers.headers(Role.OPERATOR)
    wrong = []
    for one in openapi.OPERATIONS:
        path = re.sub(r"\{\w+\}", odd, one.path)
        for query in ("", *(f"?{each['name']}={odd}" for each in one.query)):
            response = await api.request(one.method, path + query, json={}, headers=headers)
            if response.status_code == 500:
                wrong.append((one.method, path + query))

    assert wrong == []


async def test_a_type_that_cannot_be(api: httpx.AsyncClient, callers: Callers) -> None:
    """A type that no event could have is one that there is not."""
    headers = await callers.headers(Role.OPERATOR)

    response = await api.get("/events/v1beta1/event-types/%00", headers=headers)

    assert (response.status_code, response.json()["message"]) == (404, "Event type not found")


async def test_a_source_that_cannot_be(api: httpx.AsyncClient, callers: Callers) -> None:
    """An event whose source or id no event could have is one that there is not."""
    headers = await callers.headers(Role.OPERATOR)
    paths = ("%00?source=a", "a?source=%00", "a?source=b&workspaceId=%00")

    answers = [await api.get(f"/events/v1beta1/events/{path}", headers=headers) for path in paths]

    assert [answer.status_code for answer in answers] == [404] * 3
