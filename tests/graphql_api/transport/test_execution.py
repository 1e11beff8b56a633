"""What execution gives: types, loaders, masking, and sharing between subscribers."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import strawberry
from graphql import GraphQLError

from domain.identity.entities import Principal
from graphql_api.transport.documents import Documents
from graphql_api.transport.errors import ErrorFormat, Refused
from graphql_api.transport.execution import Executor, Payload
from graphql_api.transport.library import Library
from graphql_api.transport.operations import Caller, Operations
from graphql_api.transport.parameters import Parameters
from graphql_api.transport.ports import Outcome, Price, RequestInfo, TransportKind
from graphql_api.transport.seats import Seats
from tests.graphql_api.transport.serving import toy_transports
from tests.graphql_api.transport.toy import ALICE, BOB, NOW, Query, ToyObserver, World, schema

REQUEST = RequestInfo(TransportKind.HTTP, "127.0.0.1")


def operations(world: World, its_schema: strawberry.Schema = schema, **changes: object) -> Operations:
    errors = ErrorFormat(new_id=world.new_id)
    it = Operations(
        library=Library(Documents(its_schema._schema)),
        executor=Executor(its_schema, errors=errors),
        contexts=world,
        gate=world,
        observer=ToyObserver(world),
        errors=errors,
        connections=toy_transports(world).connections,
        subscriptions=Seats(100, of="subscriptions"),
        timeout_s=5,
    )
    return replace(it, **changes)  # type: ignore[arg-type]  # each is one


def priced(price: Price) -> Library:
    return Library(Documents(schema._schema, cost=lambda *_: price))


async def execute(
    running: Operations, query: str, variables: Mapping[str, object] | None = None
) -> tuple[dict[str, object], Outcome]:
    async with running.open(Parameters(query, None, variables or {}), Caller(REQUEST)) as operation:
        payload = await operation.execute()
    return json.loads(payload.text), payload.outcome


@asynccontextmanager
async def subscribed(
    running: Operations, query: str, variables: Mapping[str, object] | None = None, *, user: object = ALICE
) -> AsyncIterator[AsyncIterator[Payload]]:
    principal = Principal(user, ALICE, NOW)  # type: ignore[arg-type]  # one of two users
    parameters = Parameters(query, None, variables or {})
    async with (
        running.open(parameters, Caller(REQUEST, principal)) as operation,
        operation.subscribe() as payloads,
    ):
        yield payloads


def only(errors: object) -> dict[str, object]:
    assert isinstance(errors, list)
    (error,) = errors
    assert isinstance(error, dict)
    return error


async def test_unions_interfaces_and_private_fields_resolve(world: World) -> None:
    query = "{ pets { __typename ... on Cat { name whisper lives } ... on Dog { good } } named { __typename name } }"

    answer, outcome = await execute(operations(world), query)

    assert outcome is Outcome.OK
    assert answer["data"] == {
        "pets": [
            {"__typename": "Cat", "name": "Tom", "whisper": "purr", "lives": 9},
            {"__typename": "Dog", "good": True},
        ],
        "named": [{"__typename": "Dog", "name": "Rex"}, {"__typename": "Cat", "name": "Tom"}],
    }


async def test_loaders_batch_within_an_operation(world: World) -> None:
    answer, _ = await execute(operations(world), "{ a: square(of: 2) b: square(of: 3) }")

    assert answer == {"data": {"a": 4, "b": 9}}
    assert world.contexts[0].batches == [[2, 3]]


async def test_resolvers_see_plain_variables(world: World) -> None:
    answer, _ = await execute(operations(world), "query($v: Int = 7) { variables square(of: $v) }")

    assert answer == {"data": {"variables": {"v": 7}, "square": 49}}


@pytest.mark.parametrize(
    ("how", "message", "extensions"),
    [
        ("unauthenticated", "Sign in first: this needs a valid access token.", {"code": "UNAUTHENTICATED"}),
        ("missing", "No such agent.", {"code": "NOT_FOUND"}),
        (
            "invalid",
            "Too long.",
            {"code": "INVALID", "fields": [{"path": ["input", "name"], "message": "Too long."}]},
        ),
        ("conflict", "The name is taken.", {"code": "CONFLICT"}),
        ("limit", "Full.", {"code": "LIMIT_EXCEEDED", "limit": 100, "retryAfterSeconds": 1.5}),
        ("unavailable", "The model is away.", {"code": "UNAVAILABLE", "retryAfterSeconds": 2.0}),
        ("graphql", "On purpose.", {"code": "PURPOSE"}),
        ("plain", "On purpose.", {"code": "EXECUTION_FAILED"}),
        ("other", "Something else.", {"code": "CODE_LAB_ERROR"}),
    ],
)
async def test_expected_errors_keep_their_message_and_get_a_code(
    world: World, how: str, message: str, extensions: dict[str, object]
) -> None:
    answer, outcome = await execute(
        operations(world), "query($how: String!) { fail(how: $how) }", {"how": how}
    )

    error = only(answer["errors"])
    assert (error["message"], error["extensions"], error["path"]) == (message, extensions, ["fail"])
    assert answer["data"] == {"fail": None}
    assert outcome is Outcome.ERRORS


async def test_a_bug_is_masked_and_logged_under_its_id(
    world: World, logs: list[MutableMapping[str, object]]
) -> None:
    query = "query Q($how: String!) { fail(how: $how) }"

    answer, outcome = await execute(operations(world), query, {"how": "bug"})

    error = only(answer["errors"])
    assert error["message"] == "Internal error"
    assert error["extensions"] == {"code": "INTERNAL", "id": logs[0]["error_id"]}
    assert outcome is Outcome.INTERNAL
    assert (logs[0]["operation"], logs[0]["path"]) == ("Q", ["fail"])
    assert isinstance(logs[0]["exc_info"], RuntimeError)
    assert "how" not in logs[0]


async def test_what_json_does_not_have_is_a_masked_error(world: World) -> None:
    answer, outcome = await execute(operations(world), "{ unencodable me }")

    assert answer["data"] is None
    assert outcome is Outcome.INTERNAL


async def test_variables_that_are_nested_too_deeply_are_refused(world: World) -> None:
    value: dict[str, object] = {}
    for _ in range(900):
        value = {"inner": value}

    with pytest.raises(Refused) as refusal:
        await execute(operations(world), "query($v: Nested!) { nested(value: $v) }", {"v": value})

    assert refusal.value.codes == {"BAD_VARIABLES"}


async def test_an_operation_that_takes_too_long_is_stopped(world: World) -> None:
    with pytest.raises(Refused) as refusal:
        await execute(operations(world, timeout_s=0.01), "{ wait }")

    assert refusal.value.codes == {"TIMEOUT"}
    assert refusal.value.status == 503
    assert world.open_contexts == 0


async def test_an_operation_can_be_too_costly_to_run(world: World) -> None:
    def costly(_: Mapping[str, object], /) -> int:
        raise GraphQLError("Too costly.")

    with pytest.raises(Refused) as refusal:
        await execute(operations(world, library=priced(costly)), "{ me }")

    assert refusal.value.codes == {"LIMIT_EXCEEDED"}
    assert world.contexts == []


async def test_the_cost_is_charged(world: World) -> None:
    await execute(operations(world, library=priced(lambda _: 42)), "{ me }")

    assert world.charged[0].cost == 42


async def test_union_events_and_plain_values_are_executed(world: World) -> None:
    query = "subscription { events(count: 2) { __typename ... on Line { text } ... on Tick { number } } }"

    async with subscribed(operations(world), query) as payloads:
        got = [json.loads(payload.text)["data"]["events"] async for payload in payloads]

    assert got == [{"__typename": "Line", "text": "line 0"}, {"__typename": "Tick", "number": 1}]


async def test_one_user_s_subscribers_execute_and_encode_an_item_once(world: World) -> None:
    await world.append("a")
    query = "subscription($after: Int) { lines(after: $after) { cursor loud } }"
    running = operations(world)

    for after in (None, 0):
        async with subscribed(running, query, {"after": after}) as payloads:
            payload = await anext(payloads)
            assert json.loads(payload.text) == {"data": {"lines": {"cursor": 1, "loud": "A"}}}
            assert payload.cursor == 1

    assert world.executions == world.values_made == 1


async def test_another_user_document_or_variable_does_not_share(world: World) -> None:
    await world.append("a")
    running = operations(world)
    query = "subscription($no: Boolean = false) { lines { loud cursor @skip(if: $no) } }"

    for its_query, variables, user in [
        (query, {}, ALICE),
        (query, {}, BOB),
        (query, {"no": True}, ALICE),
        (query + " ", {}, ALICE),
    ]:
        async with subscribed(running, its_query, variables, user=user) as payloads:
            await anext(payloads)

    assert world.executions == 4
    assert len(world.log[0].memo) == 4


async def test_what_was_awaited_or_failed_is_not_shared(world: World) -> None:
    await world.append("a")

    async with subscribed(operations(world), "subscription { lines { squared } }") as payloads:
        payload = await anext(payloads)

    assert json.loads(payload.text) == {"data": {"lines": {"squared": 1}}}
    assert world.log[0].memo == {}


async def test_loaders_are_fresh_for_every_event(world: World) -> None:
    await world.append("a")
    running = operations(world)

    async with subscribed(running, "subscription { lines { squared } }") as payloads:
        await anext(payloads)
        world.log.clear()
        await world.append("again")
        world.log.append(world.log[0])
        async with world.grown:
            world.grown.notify_all()
        await anext(payloads)

    assert world.contexts[0].batches == [[1], [1]]


async def test_variables_too_deep_to_encode_share_nothing(world: World) -> None:
    await world.append("a")
    deep: list[object] = []
    for _ in range(300):
        deep = [deep]
    running = operations(world)
    query = "subscription { lines { loud } }"

    for _ in range(2):
        async with subscribed(running, query, {"unknown": deep}) as payloads:
            await anext(payloads)

    assert world.executions == 2


async def test_a_long_replay_lets_others_have_their_turn(world: World) -> None:
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async with subscribed(operations(world), "subscription { count(to: 1000) }") as payloads:
        counter = asyncio.create_task(count_turns())
        async for _ in payloads:
            pass
        counter.cancel()

    assert turns >= 1000 // 32 - 1


async def test_a_source_that_breaks_while_closing_is_only_logged(
    world: World, logs: list[MutableMapping[str, object]]
) -> None:
    world.close_failure = RuntimeError("secret")

    async with subscribed(operations(world), "subscription { count(to: 1) }") as payloads:
        got = [payload async for payload in payloads]

    assert len(got) == 1
    assert logs[0]["event"] == "operation.failed"


async def test_a_resolver_that_returns_its_source_works_and_may_fail(world: World) -> None:
    async def numbers() -> AsyncIterator[int]:
        yield 1

    @strawberry.type
    class Subscription:
        @strawberry.subscription
        async def later(self, fail: bool = False) -> AsyncIterator[int]:
            if fail:
                raise RuntimeError("secret")
            return numbers()

    running = operations(world, strawberry.Schema(Query, None, Subscription))

    async with subscribed(running, "subscription { later }") as payloads:
        assert [payload.text async for payload in payloads] == ['{"data":{"later":1}}']
    with pytest.raises(Refused) as refusal:
        async with subscribed(running, "subscription { later(fail: true) }"):
            pass

    assert refusal.value.codes == {"INTERNAL"}
    assert refusal.value.errors[0]["path"] == ["later"]
