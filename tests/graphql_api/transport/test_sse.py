"""Event streams: the graphql-sse protocol in distinct connections mode, on a real server."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest
from httpx_sse import EventSource, ServerSentEvent

from domain.errors import Unavailable
from graphql_api.transport.ports import Outcome, TransportKind
from tests.graphql_api.transport.serving import Served
from tests.graphql_api.transport.toy import ALICE, World

STREAM = {"accept": "text/event-stream"}


@asynccontextmanager
async def stream(
    served: Served, query: str, headers: dict[str, str] | None = None, **body: object
) -> AsyncIterator[httpx.Response]:
    headers = {**STREAM, **(headers or {})}
    async with served.http.stream(
        "POST", served.url, json={"query": query, **body}, headers=headers
    ) as response:
        yield response


async def events(response: httpx.Response) -> list[ServerSentEvent]:
    return [event async for event in EventSource(response).aiter_sse()]


def shown(event: ServerSentEvent) -> tuple[str, object]:
    return event.event, event.json() if event.data else None


async def test_a_subscription_is_a_stream_of_results_and_a_complete(served: Served) -> None:
    async with stream(served, "subscription { count(to: 2) }") as response:
        got = await events(response)

    assert response.status_code == 200
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["cache-control"] == "no-cache, no-transform"
    assert response.headers["x-accel-buffering"] == "no"
    assert [shown(event) for event in got] == [
        ("next", {"data": {"count": 1}}),
        ("next", {"data": {"count": 2}}),
        ("complete", None),
    ]
    assert served.world.finished[0][1] is Outcome.OK


async def test_items_of_a_log_carry_their_cursor(served: Served) -> None:
    await served.world.append("a", "b")

    async with stream(served, "subscription { lines { text } }") as response:
        source = EventSource(response).aiter_sse()
        first, second = await anext(source), await anext(source)

    assert (first.id, first.json()) == ("1", {"data": {"lines": {"text": "a"}}})
    assert second.id == "2"


async def test_last_event_id_wins_over_after(served: Served) -> None:
    await served.world.append("a", "b", "c")
    query = "subscription($after: Int) { lines(after: $after) { text } }"

    async with stream(served, query, {"last-event-id": "2"}, variables={"after": 0}) as response:
        first = await anext(EventSource(response).aiter_sse())

    assert first.id == "3"
    assert served.world.contexts[0].request.last_event_id == "2"


async def test_a_query_or_mutation_is_one_result_with_its_cookies(served: Served) -> None:
    async with stream(served, "query { me }", {"authorization": "Bearer alice"}) as response:
        query = await events(response)
    async with stream(served, "mutation { signIn }") as response:
        mutation = await events(response)

    assert [shown(event) for event in query] == [("next", {"data": {"me": "1"}}), ("complete", None)]
    assert shown(mutation[0]) == ("next", {"data": {"signIn": True}})
    assert response.headers["set-cookie"].startswith("refresh=r1")
    assert served.world.contexts[0].request.transport is TransportKind.SSE


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("subscription {", "SYNTAX_ERROR"),
        ("subscription { nothing }", "VALIDATION_FAILED"),
        ("subscription($v: Int!) { count(to: $v) }", "BAD_VARIABLES"),
        ('subscription { breaks(how: "missing") }', "NOT_FOUND"),
        ("subscription { guarded }", "UNAUTHENTICATED"),
    ],
)
async def test_what_graphql_refuses_is_an_event(served: Served, query: str, expected: str) -> None:
    async with stream(served, query) as response:
        got = await events(response)

    assert response.status_code == 200
    assert [event.event for event in got] == ["next", "complete"]
    assert got[0].json()["errors"][0]["extensions"]["code"] == expected


@pytest.mark.parametrize(
    ("headers", "status", "expected"),
    [
        ({"authorization": "Bearer mallory"}, 401, "UNAUTHENTICATED"),
        ({"content-type": "text/plain"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ({"origin": "https://evil.example"}, 403, "FORBIDDEN_ORIGIN"),
    ],
)
async def test_what_http_refuses_is_a_status(
    served: Served, headers: dict[str, str], status: int, expected: str
) -> None:
    async with stream(served, "subscription { count(to: 1) }", headers) as response:
        body = (await response.aread(), response.json())[1]

    assert response.status_code == status
    assert body["errors"][0]["extensions"]["code"] == expected


async def test_limits_and_missing_stores_are_a_status_with_retry_after(served: Served) -> None:
    served.world.context_failure = Unavailable("The database is away.", retry_after_s=3)
    async with stream(served, "subscription { count(to: 1) }") as away:
        pass
    served.world.refuse_for_s = 7
    async with stream(served, "subscription { count(to: 1) }") as limited:
        pass

    assert (away.status_code, away.headers["retry-after"]) == (503, "3")
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "7")


async def test_get_subscribes_with_the_cookie(served: Served) -> None:
    params = {"query": "subscription($to: Int!) { count(to: $to) }", "variables": '{"to": 1}'}
    headers = {**STREAM, "cookie": "codelab_access=alice"}

    async with served.http.stream("GET", served.url, params=params, headers=headers) as response:
        got = await events(response)

    assert [event.event for event in got] == ["next", "complete"]
    assert served.world.finished[0][0].user_id == ALICE


async def test_get_streams_nothing_but_subscriptions(served: Served) -> None:
    params = {"query": 'mutation { append(text: "x") }'}

    response = await served.http.get(served.url, params=params, headers=STREAM)

    assert response.status_code == 405
    assert served.world.log == []


async def test_an_error_in_mid_stream_is_the_last_event(served: Served) -> None:
    async with stream(served, 'subscription { breaks(how: "bug", after: 1) }') as response:
        got = await events(response)

    assert [event.event for event in got] == ["next", "next", "complete"]
    assert got[1].json()["errors"][0]["message"] == "Internal error"
    assert "hunter2" not in got[1].data


async def test_a_slow_reader_is_cut_off_without_complete(served: Served) -> None:
    async with stream(served, 'subscription { breaks(how: "slow", after: 1) }') as response:
        got = await events(response)

    assert [event.event for event in got] == ["next"]


async def test_a_disconnect_closes_the_source_at_once(served: Served) -> None:
    async with stream(served, "subscription { silent }"):
        await served.world.until(lambda: served.world.sources_open == 1)
        assert served.transports.connections.count(TransportKind.SSE) == 1
        assert served.transports.connections.live_subscriptions == 1

    await served.world.until(lambda: served.world.sources_open == 0)
    await served.world.until(lambda: bool(served.world.finished))
    assert served.world.finished[0][1] is Outcome.CANCELLED


async def test_an_expired_token_ends_the_stream_without_complete(served: Served, world: World) -> None:
    world.authenticator.lifetime = timedelta(seconds=0.05)

    async with stream(served, "subscription { silent }", {"authorization": "Bearer alice"}) as response:
        got = await events(response)

    assert got == []


async def test_a_revoked_sign_in_ends_the_stream_of_its_user_alone(served: Served) -> None:
    async with (
        stream(served, "subscription { silent }", {"authorization": "Bearer alice"}) as alices,
        stream(served, "subscription { lines { text } }", {"authorization": "Bearer bob"}) as bobs,
    ):
        served.world.authenticator.revoke(ALICE)
        got = await events(alices)
        await served.world.append("still here")
        still = await anext(EventSource(bobs).aiter_sse())

    assert got == []
    assert still.json() == {"data": {"lines": {"text": "still here"}}}


async def test_an_already_revoked_sign_in_is_401(served: Served) -> None:
    served.world.authenticator.revoke(ALICE)

    async with stream(served, "{ wait }", {"authorization": "Bearer alice"}) as response:
        pass

    assert response.status_code == 401


@pytest.mark.parametrize("bounds", [{"keep_alive_s": 0.02}])
async def test_a_quiet_stream_carries_comments(served: Served, world: World) -> None:
    async with stream(served, "subscription { silent }") as response:
        lines = response.aiter_lines()
        got = [await anext(lines) for _ in range(6)]

    assert got == [":", "", ":", "", ":", ""]


@pytest.mark.parametrize("bounds", [{"keep_alive_s": 0.005}])
async def test_a_waiting_query_gets_no_comments(served: Served, world: World) -> None:
    asyncio.get_running_loop().call_later(0.03, world.release.set)
    async with stream(served, "{ wait }") as response:
        text = (await response.aread()).decode()

    assert text == ':\n\nevent: next\ndata: {"data":{"wait":"released"}}\n\nevent: complete\ndata:\n\n'


@pytest.mark.parametrize("bounds", [{"stall_s": 0.1}])
async def test_a_client_that_does_not_read_is_dropped_and_slows_no_one(served: Served, world: World) -> None:
    body = b'{"query":"subscription { flood(size: 100000) }"}'
    head = f"POST /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: text/event-stream\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", served.port)) as stalled:
        stalled.sendall(head.encode() + body)
        await world.until(lambda: world.sources_open == 1)
        async with stream(served, "subscription { count(to: 3) }") as response:
            assert len(await events(response)) == 4
        await world.until(lambda: world.sources_open == 0)


async def test_shutdown_ends_streams_without_complete_and_refuses_new_ones(served: Served) -> None:
    connections = served.transports.connections

    async with stream(served, "subscription { silent }") as response:
        left = await connections.close_all(timeout_s=30)
        got = await events(response)
    async with stream(served, "subscription { silent }") as refused:
        pass

    assert (left, got) == (0, [])
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")


async def test_shutdown_before_the_stream_began_is_503(served: Served) -> None:
    async with asyncio.TaskGroup() as tasks:
        request = tasks.create_task(served.http.post(served.url, json={"query": "{ wait }"}, headers=STREAM))
        await served.world.started.wait()
        await served.transports.connections.close_all(timeout_s=30)

    assert request.result().status_code == 503


async def test_a_watch_that_breaks_ends_the_stream(served: Served, world: World) -> None:
    class Broken(asyncio.Event):
        async def wait(self) -> bool:  # type: ignore[override]  # the event always says True
            await world.until(lambda: world.sources_open == 1)
            raise RuntimeError("secret")

    world.authenticator.revocations[ALICE] = Broken()

    async with stream(served, "subscription { silent }", {"authorization": "Bearer alice"}) as response:
        got = await events(response)

    assert got == []


async def test_a_watch_that_can_not_begin_is_a_masked_error(served: Served) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("secret")

    served.world.authenticator.watch = broken  # type: ignore[method-assign, assignment]  # a broken store

    async with stream(served, "subscription { silent }", {"authorization": "Bearer alice"}) as response:
        body = (await response.aread()).decode()

    assert response.status_code == 500
    assert "secret" not in body
