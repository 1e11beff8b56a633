"""Subscriptions of the schema, resolved in this process: one dictionary for each event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import orjson

from domain.limits.ports import Quota
from graphql_api.context import Context
from graphql_api.schema import build_schema
from graphql_api.transport.documents import Documents
from graphql_api.transport.errors import ErrorFormat, Refused
from graphql_api.transport.execution import Executor, Prepared
from graphql_api.transport.ports import OperationInfo, RequestInfo, TransportKind
from tests.graphql_api.schema.api import Api


async def stream(
    api: Api, document: str, *, last_event_id: str | None = None, **variables: object
) -> AsyncIterator[Any]:
    """The one field of each event, or the errors."""
    assert api.token is not None
    principal = await api.parts.identity.authenticate.authenticate(api.token)
    limiter_left = await api.parts.limiter.peek("x", quota())
    context = Context(
        api.parts.services,
        request=RequestInfo(TransportKind.SSE, "127.0.0.1", last_event_id=last_event_id),
        principal=principal,
        operation=OperationInfo(TransportKind.SSE),
        allowance=limiter_left,
    )
    schema, errors = build_schema(), ErrorFormat(new_id=uuid4)
    loaded = Documents(schema._schema).load(document)
    executor, prepared = Executor(schema, errors=errors), Prepared(loaded, loaded.select(None), variables)
    try:
        async with executor.subscribe(prepared, context, user_id=principal.user_id) as payloads:
            async for payload in payloads:
                (value,) = orjson.loads(payload.text)["data"].values()
                yield value
    except Refused as refused:
        yield [error["message"] for error in refused.errors]
    finally:
        await context.aclose()


def quota() -> Quota:
    """Any quota."""
    return Quota(100, timedelta(minutes=1))


async def next_of(events: AsyncIterator[Any], kind: str) -> Any:
    """The next event of a kind."""
    async with asyncio.timeout(60):
        while (event := await anext(events))["__typename"] != kind:
            pass
    return event
