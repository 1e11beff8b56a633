"""Operations of every kind, side by side and stopped, by both npm clients."""

import asyncio

import pytest

from domain.errors import Unavailable
from graphql_api.transport.ports import Outcome, TransportKind
from tests.graphql_api.transport.serving import Served
from tests.graphql_api.transport.toy import ALICE
from tests.protocols.conftest import Open
from tests.protocols.npm import needs_node

pytestmark = needs_node
both = pytest.mark.parametrize("transport", ["ws", "sse"])

COUNT = "subscription($to: Int!) { count(to: $to) }"
LINES = "subscription($after: Int) { lines(after: $after) { cursor text } }"


@both
async def test_a_query_runs_as_whoever_the_token_names(opened: Open, transport: str) -> None:
    anonymous = await (await opened(transport)).run("{ me }")
    alice = await (await opened(transport, token="alice")).run("{ me }")

    assert (anonymous.data, alice.data) == ([{"me": None}], [{"me": "1"}])
    assert anonymous.end == {"id": anonymous.id, "event": "complete"}


@both
async def test_a_mutation_happens_once(served: Served, opened: Open, transport: str) -> None:
    appended = await (await opened(transport)).run("mutation($t: String!) { append(text: $t) }", t="x")

    assert appended.data == [{"append": 1}]
    assert [item.text for item in served.world.log] == ["x"]


@both
async def test_a_subscription_gives_everything_in_order_and_completes(opened: Open, transport: str) -> None:
    counted = await (await opened(transport)).run(COUNT, to=100)

    assert counted.data == [{"count": number} for number in range(1, 101)]
    assert (counted.end or {})["event"] == "complete"


@both
async def test_errors_of_fields_come_beside_the_data(opened: Open, transport: str) -> None:
    failed = await (await opened(transport)).run('{ me fail(how: "missing") }')

    assert failed.data == [{"me": None, "fail": None}]
    assert failed.code == "NOT_FOUND"
    assert (failed.end or {})["event"] == "complete"


@both
async def test_many_operations_run_at_once_and_none_mixes_with_another(opened: Open, transport: str) -> None:
    client = await opened(transport)

    begun = [await client.begin(COUNT, to=number) for number in range(20)]
    for number, operation in enumerate(begun):
        await operation.ended()

        assert operation.data == [{"count": it + 1} for it in range(number)]


@both
async def test_a_fast_operation_does_not_wait_for_a_slow_one(
    served: Served, opened: Open, transport: str
) -> None:
    client = await opened(transport)

    slow = await client.begin("{ wait }")
    await served.world.started.wait()
    fast = await client.run("{ me }")
    before = slow.end
    served.world.release.set()
    await slow.ended()

    assert before is None
    assert (fast.data, slow.data) == ([{"me": None}], [{"wait": "released"}])


@both
async def test_a_stopped_subscription_stops_on_the_server_and_its_siblings_go_on(
    served: Served, opened: Open, transport: str
) -> None:
    client, world = await opened(transport), served.world
    stopped, kept = await client.begin(LINES), await client.begin(LINES)
    await world.until(lambda: world.sources_open == 2)

    await stopped.stop()
    await world.until(lambda: world.sources_open == 1)
    await world.append("later")

    assert await kept.received() == [{"lines": {"cursor": 1, "text": "later"}}]
    assert stopped.data == []
    assert Outcome.CANCELLED in [outcome for _, outcome in world.finished]
    await kept.stop()


@both
@pytest.mark.parametrize(
    ("query", "variables", "code"),
    [
        ("{", {}, "SYNTAX_ERROR"),
        ("{ nothing }", {}, "VALIDATION_FAILED"),
        ("query A { me } query B { me }", {}, "UNKNOWN_OPERATION"),
        (COUNT, {"to": "many"}, "BAD_VARIABLES"),
        (COUNT, {}, "BAD_VARIABLES"),
        ('subscription { breaks(how: "missing") }', {}, "NOT_FOUND"),
        ('subscription { breaks(how: "bug") }', {}, "INTERNAL"),
        ("subscription { guarded }", {}, "UNAUTHENTICATED"),
        ('subscription { breaks(how: "invalid", after: 2) }', {}, "INVALID"),
    ],
)
async def test_a_bad_operation_ends_alone_beside_good_ones(
    served: Served, opened: Open, transport: str, query: str, variables: dict[str, object], code: str
) -> None:
    client = await opened(transport)
    good = await client.begin(LINES)
    await served.world.until(lambda: served.world.sources_open == 1)

    bad = await client.run(query, **variables)
    await served.world.append("unharmed")

    assert bad.code == code
    assert (await good.received())[0]["lines"]["text"] == "unharmed"
    assert good.end is None
    await good.stop()


async def test_a_subscription_that_may_not_go_on_here_asks_to_resume(opened: Open) -> None:
    broken = 'subscription { breaks(how: "slow", after: 2) }'

    ws = await (await opened("ws")).run(broken)
    sse = await (await opened("sse")).run(broken)

    assert ws.code == "RESUME"
    assert ws.data == sse.data == [{"breaks": 0}, {"breaks": 1}]
    assert (sse.end or {})["event"] == "error"  # the stream ended without `complete`: not the regular end


@both
async def test_over_the_rate_limit_the_operation_is_refused_with_a_time_to_wait(
    served: Served, opened: Open, transport: str
) -> None:
    served.world.refuse_for_s = 2
    client = await opened(transport)

    refused = await client.run("{ me }")
    served.world.refuse_for_s = None
    later = await client.run("{ me }")

    if transport == "ws":
        assert refused.code == "RATE_LIMITED"
    else:
        assert (refused.end or {})["code"] == 429
    assert later.data == [{"me": None}]


@both
async def test_a_bad_token_is_refused_before_anything_runs(
    served: Served, opened: Open, transport: str
) -> None:
    refused = await (await opened(transport, token="mallory")).run("{ me }")

    assert (refused.end or {})["code"] == (4403 if transport == "ws" else 401)
    assert served.world.charged == []


async def test_a_store_that_is_away_refuses_a_stream_until_it_is_back(served: Served, opened: Open) -> None:
    served.world.authenticator.failure = Unavailable("The database is away.")
    client = await opened("sse", token="alice")

    refused = await client.run("{ me }")
    served.world.authenticator.failure = None
    later = await client.run("{ me }")

    assert (refused.end or {})["code"] == 503
    assert later.data == [{"me": "1"}]


@both
async def test_a_revoked_sign_in_ends_and_a_fresh_token_goes_on(
    served: Served, opened: Open, transport: str
) -> None:
    world = served.world
    client = await opened(transport, token="alice", retryAttempts=5)
    other = await opened(transport, token="bob")
    mine, others = await client.begin(LINES, resume="lines"), await other.begin(LINES)
    await world.until(lambda: world.sources_open == 2)
    await world.append("one")
    await mine.received()

    await client.present("bob")
    world.authenticator.revoke(ALICE)
    await client.told("connected", 2)
    await world.until(lambda: world.sources_open == 2)
    await world.append("two")

    assert [it["lines"]["text"] for it in await mine.received(2)] == ["one", "two"]
    assert len(await others.received(2)) == 2
    if transport == "ws":
        assert await client.close_code() == 4403
    await mine.stop()
    await others.stop()


async def test_the_transports_are_told_apart(served: Served, opened: Open) -> None:
    await asyncio.gather(*[(await opened(transport)).run("{ me }") for transport in ("ws", "sse")])

    kinds = {context.request.transport for context in served.world.contexts}
    assert kinds == {TransportKind.WEBSOCKET, TransportKind.SSE}
