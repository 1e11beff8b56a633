"""The adapter against faults to the byte, from a loopback server of our own where the peer has no such fault."""

import asyncio
import json
import logging
import sys
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable
from email.utils import format_datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from domain.models.entities import ChatMessage, ChatRole, ModelUsage, ToolOffer, ToolRequest, estimated_tokens
from domain.models.ports import ModelProblem, ModelProblemKind
from integrations.models.openai import OpenAiModel
from tests.integrations.models.calls import KEY, NOW, Heard, Sleeps, asking, endpoint
from tests.integrations.models.misbehaving import (
    DONE,
    Behaviour,
    MisbehavingServer,
    answers,
    delta,
    drops,
    event,
    fails_with,
    raw_event,
    stays_silent,
    streams,
    streams_then_drops,
    usage,
)

CLOSED_WITHIN_S = 0.05
PRIVATE = "my private words"
WHOLE = (
    delta("", role="assistant"),
    delta("Hello"),
    delta(" there"),
    delta(finish="stop"),
    usage(11, 3),
    DONE,
)


async def _call(server: MisbehavingServer, *, heard: Heard | None = None, **bounds: float) -> Heard:
    """One call to `server` with little patience."""
    model = endpoint(server.base_url, **bounds)  # type: ignore[arg-type]  # all bounds are floats
    try:
        return await (heard or Heard()).listen(model.stream(asking(PRIVATE)))
    finally:
        await model.aclose()


async def _problem(server: MisbehavingServer, *, heard: Heard | None = None, **bounds: float) -> ModelProblem:
    """The problem that one call to `server` ends with."""
    with pytest.raises(ModelProblem) as caught:
        await _call(server, heard=heard, **bounds)
    return caught.value


async def test_an_answer_is_whole_with_its_usage() -> None:
    async with MisbehavingServer(streams(*WHOLE)) as server:
        heard = await _call(server)

    assert (heard.text, heard.end.finish_reason, heard.end.usage) == (
        "Hello there",
        "stop",
        ModelUsage(11, 3),
    )


async def test_one_connection_serves_call_after_call() -> None:
    async with MisbehavingServer(streams(*WHOLE)) as server:
        model = endpoint(server.base_url)
        for _ in range(3):
            await Heard().listen(model.stream(asking("again")))
        await model.aclose()

        assert len(server.requests) == 3
        assert server.connected == 1


async def test_input_from_the_cache_costs_less() -> None:
    counted = streams(delta("x", finish="stop"), usage(1_000, 100), DONE)
    cached = streams(delta("x", finish="stop"), usage(1_000, 100, cached=800), DONE)

    async with MisbehavingServer(counted) as server:
        full = (await _call(server)).end.cost_micro_usd
    async with MisbehavingServer(cached) as server:
        reduced = (await _call(server)).end.cost_micro_usd

    assert (full, reduced) == (2_800, 1_600)


@pytest.mark.parametrize("counted", [(), (usage(0, 0),)], ids=["no usage", "a usage of nothing"])
async def test_a_usage_that_is_missing_is_estimated_and_marked(counted: tuple[bytes, ...]) -> None:
    async with MisbehavingServer(
        streams(delta("12345678"), delta("9", finish="stop"), *counted, DONE)
    ) as server:
        end = (await _call(server)).end

    assert end.usage == ModelUsage(estimated_tokens(PRIVATE), 3, estimated=True)


async def test_a_stream_without_done_is_complete_when_it_says_that_it_finished() -> None:
    async with MisbehavingServer(streams_then_drops(delta("All."), delta(finish="stop"))) as server:
        heard = await _call(server)

    assert (heard.text, heard.end.usage.estimated) == ("All.", True)


async def test_a_server_that_never_ends_a_finished_stream_is_not_waited_for() -> None:
    async with MisbehavingServer(streams(delta("All."), delta(finish="stop"), ends=False)) as server:
        heard = await _call(server, tail_timeout_s=0.05)

    assert (heard.text, heard.end.finish_reason) == ("All.", "stop")


@pytest.mark.parametrize(
    "cut",
    [streams(delta("Half"), DONE), streams(delta("Half")), streams_then_drops(delta("Half"))],
    ids=["done without an end", "an end without either", "a lost connection"],
)
async def test_a_cut_answer_keeps_its_text_and_is_asked_only_once(cut: Behaviour) -> None:
    heard = Heard()
    async with MisbehavingServer(cut) as server:
        problem = await _problem(server, heard=heard)

        assert len(server.requests) == 1
    assert (problem.kind, problem.retryable, heard.text) == (ModelProblemKind.CUT_OFF, True, "Half")


@pytest.mark.parametrize(
    "nothing",
    [
        drops,
        streams(DONE),
        streams(),
        streams(event({"choices": [{"index": 0}]})),
        streams_then_drops(),
        streams_then_drops(delta("", role="assistant")),
        fails_with(500),
        fails_with(503),
        fails_with(408),
        fails_with(429),
    ],
    ids=[
        "drop",
        "only done",
        "empty stream",
        "empty chunk",
        "cut at once",
        "cut after the role",
        "500",
        "503",
        "408",
        "429",
    ],
)
async def test_a_call_that_gave_nothing_is_made_again(nothing: Behaviour) -> None:
    async with MisbehavingServer(nothing, nothing, streams(*WHOLE)) as server:
        heard = await _call(server)

        assert len(server.requests) == 3
    assert heard.text == "Hello there"


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (streams(), ModelProblemKind.CUT_OFF),
        (streams_then_drops(delta("", role="assistant")), ModelProblemKind.CUT_OFF),
        (drops, ModelProblemKind.UNAVAILABLE),
        (fails_with(502), ModelProblemKind.UNAVAILABLE),
        (fails_with(429), ModelProblemKind.RATE_LIMITED),
    ],
    ids=["empty stream", "cut after the role", "drop", "502", "429"],
)
async def test_a_fault_that_stays_is_said_after_the_last_attempt(
    fault: Behaviour, kind: ModelProblemKind
) -> None:
    async with MisbehavingServer(fault) as server:
        problem = await _problem(server)

        assert len(server.requests) == 3
    assert (problem.kind, problem.retryable) == (kind, True)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (fails_with(400), ModelProblemKind.BAD_REQUEST),
        (fails_with(422), ModelProblemKind.BAD_REQUEST),
        (fails_with(401), ModelProblemKind.REFUSED),
        (fails_with(403), ModelProblemKind.REFUSED),
        (fails_with(402), ModelProblemKind.REFUSED),
        (fails_with(429, code="insufficient_quota"), ModelProblemKind.REFUSED),
        (fails_with(404), ModelProblemKind.UNKNOWN_MODEL),
        (fails_with(400, code="model_not_found"), ModelProblemKind.UNKNOWN_MODEL),
        (fails_with(400, code="context_length_exceeded"), ModelProblemKind.TOO_LONG),
        (fails_with(400, code="string_above_max_length"), ModelProblemKind.TOO_LONG),
        (fails_with(413), ModelProblemKind.TOO_LONG),
        (answers(400, '{"error": {"message": "prompt is too long"}}'), ModelProblemKind.TOO_LONG),
        (answers(307, location="/elsewhere"), ModelProblemKind.BAD_REQUEST),
    ],
    ids=[
        "400",
        "422",
        "401",
        "403",
        "402",
        "quota",
        "404",
        "model",
        "context",
        "length",
        "413",
        "words",
        "redirect",
    ],
)
async def test_a_refusal_is_final_and_says_what_to_change(answer: Behaviour, kind: ModelProblemKind) -> None:
    async with MisbehavingServer(answer) as server:
        problem = await _problem(server)

        assert len(server.requests) == 1
    assert (problem.kind, problem.retryable) == (kind, False)


@pytest.mark.parametrize(
    "garbage",
    [
        answers(200, "<html>Welcome</html>", kind="text/html"),
        answers(200, "{malformed json", kind="application/json"),
        answers(200, '{"object": "list"}'),
        streams(raw_event("{not json")),
        streams(raw_event("[1, 2]")),
        streams(raw_event('"text"')),
        streams(raw_event("null")),
        streams(event({"choices": [7]})),
        streams(event({"choices": "x"})),
        streams(b"data: \xff\xfe\n\n"),
        streams(delta(finish="tool_calls"), DONE),
    ],
    ids=[
        "a web page", "half of JSON", "other JSON", "no JSON", "a list", "a string", "null", "a number",
        "choices of text", "no text", "no tool",
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
async def test_what_is_no_answer_is_garbage_and_not_asked_for_again(garbage: Behaviour) -> None:
    async with MisbehavingServer(garbage) as server:
        problem = await _problem(server)

        assert len(server.requests) == 1
    assert problem.kind is ModelProblemKind.GARBAGE


async def test_text_that_can_not_be_sent_is_a_bad_request() -> None:
    async with MisbehavingServer(streams(*WHOLE)) as server:
        model = endpoint(server.base_url)
        with pytest.raises(ModelProblem) as caught:
            await Heard().listen(model.stream(asking("half of a character: \ud83d")))
        await model.aclose()

    assert (caught.value.kind, caught.value.retryable) == (ModelProblemKind.BAD_REQUEST, False)


async def test_a_bug_of_ours_is_not_blamed_on_the_provider() -> None:
    offer = ToolOffer("broken", "A schema that is no JSON.", {"type": object()})
    async with MisbehavingServer(streams(*WHOLE)) as server:
        model = endpoint(server.base_url)
        with pytest.raises(TypeError):
            await Heard().listen(model.stream(asking("hello", tools=(offer,))))
        await model.aclose()


async def test_garbage_in_mid_answer_keeps_the_text() -> None:
    heard = Heard()
    async with MisbehavingServer(streams(delta("So far"), raw_event("{oops"))) as server:
        problem = await _problem(server, heard=heard)

    assert (problem.kind, heard.text) == (ModelProblemKind.GARBAGE, "So far")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"message": "x", "code": "rate_limit_exceeded"}, ModelProblemKind.RATE_LIMITED),
        ({"message": "x", "code": 429}, ModelProblemKind.RATE_LIMITED),
        ({"message": "x", "code": "context_length_exceeded"}, ModelProblemKind.TOO_LONG),
        ({"message": "x", "type": "server_error"}, ModelProblemKind.UNAVAILABLE),
        ("just words", ModelProblemKind.UNAVAILABLE),
    ],
    ids=["rate", "rate number", "context", "server", "words"],
)
async def test_an_error_inside_the_stream_is_understood(error: object, kind: ModelProblemKind) -> None:
    heard = Heard()
    async with MisbehavingServer(streams(delta("So far"), event({"error": error}))) as server:
        problem = await _problem(server, heard=heard)

        assert len(server.requests) == 1
    assert (problem.kind, heard.text) == (kind, "So far")


@pytest.mark.parametrize(
    ("headers", "waited_s"),
    [
        ({"retry_after": "3"}, 3.0),
        ({"retry_after": "1.5"}, 1.5),
        ({"retry_after_ms": "250"}, 0.25),
        ({"retry_after": format_datetime(NOW.replace(second=20), usegmt=True)}, 20.0),
        ({"retry_after": "soon"}, 0.5),
        ({}, 0.5),
    ],
    ids=["seconds", "a fraction", "milliseconds", "a date", "nonsense", "nothing"],
)
async def test_what_the_provider_asks_to_wait_is_waited(headers: dict[str, str], waited_s: float) -> None:
    sleeps = Sleeps()
    async with MisbehavingServer(fails_with(429, **headers), streams(*WHOLE)) as server:
        model = endpoint(server.base_url, sleep=sleeps)
        await Heard().listen(model.stream(asking("hello")))
        await model.aclose()

    assert sleeps.asked_s == [waited_s]


async def test_a_wait_that_is_too_long_is_left_to_the_caller() -> None:
    async with MisbehavingServer(fails_with(429, retry_after="3600")) as server:
        problem = await _problem(server)

        assert len(server.requests) == 1
    assert (problem.retryable, problem.retry_after_s) == (True, 3600.0)


async def test_a_wait_beyond_the_total_time_is_not_begun() -> None:
    async with MisbehavingServer(fails_with(503, retry_after="20")) as server:
        problem = await _problem(server, total_timeout_s=10)

        assert len(server.requests) == 1
    assert (problem.kind, problem.retry_after_s) == (ModelProblemKind.UNAVAILABLE, 20.0)


async def test_a_silent_server_is_a_time_out_and_sees_us_leave() -> None:
    async with MisbehavingServer(stays_silent) as server:
        problem = await _problem(server, first_token_timeout_s=0.1)
        async with asyncio.timeout(1):
            await server.left.wait()

    assert (problem.kind, problem.retryable) == (ModelProblemKind.TIMED_OUT, True)


async def test_empty_chunks_do_not_count_as_a_first_token() -> None:
    async with MisbehavingServer(streams(delta("", role="assistant"), delta(""), ends=False)) as server:
        problem = await _problem(server, first_token_timeout_s=0.1)

    assert problem.kind is ModelProblemKind.TIMED_OUT


@pytest.mark.parametrize(
    "behaviour", [stays_silent, streams(delta("Half"), ends=False)], ids=["waiting", "streaming"]
)
async def test_cancelling_closes_the_connection_within_50_ms(behaviour: Behaviour) -> None:
    async def cancel(model: OpenAiModel, server: MisbehavingServer) -> float:
        reading = asyncio.create_task(Heard().listen(model.stream(asking("hello"))))
        await server.asked.wait()
        await asyncio.sleep(0.005)
        left_from = asyncio.get_running_loop().time()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        return left_from

    assert await _quickest_leave(behaviour, cancel) < CLOSED_WITHIN_S


async def test_closing_the_generator_closes_the_connection_within_50_ms() -> None:
    async def close(model: OpenAiModel, _: MisbehavingServer) -> float:
        chunks = model.stream(asking("hello"))
        await anext(chunks)
        left_from = asyncio.get_running_loop().time()
        await chunks.aclose()
        return left_from

    assert await _quickest_leave(streams(delta("Half"), ends=False), close) < CLOSED_WITHIN_S


async def test_closing_does_not_wait_for_the_garbage_collector() -> None:
    uncollected: list[AsyncGenerator[object, None]] = []
    hooks = sys.get_asyncgen_hooks()
    async with MisbehavingServer(streams(delta("Half"), ends=False)) as server, asyncio.timeout(10):
        model = endpoint(server.base_url)
        chunks = model.stream(asking("hello"))
        sys.set_asyncgen_hooks(finalizer=uncollected.append)
        try:
            await anext(chunks)
            await chunks.aclose()

            await server.left.wait()
        finally:
            sys.set_asyncgen_hooks(*hooks)
            for each in uncollected:
                await each.aclose()
        await model.aclose()


async def _quickest_leave(
    behaviour: Behaviour, leave: Callable[[OpenAiModel, MisbehavingServer], Awaitable[float]]
) -> float:
    """Seconds until the server saw the client go, in the best of three: a busy machine only adds to it."""
    took_s = []
    for _ in range(3):
        async with MisbehavingServer(behaviour) as server, asyncio.timeout(30):
            model = endpoint(server.base_url)
            left_from = await leave(model, server)
            await server.left.wait()
            await model.aclose()
        took_s.append(server.left_at_s - left_from)
    return min(took_s)


async def test_cancelling_one_call_leaves_the_others_alone() -> None:
    async with MisbehavingServer(streams(delta("Half"), ends=False), streams(*WHOLE)) as server:
        model = endpoint(server.base_url)
        left = model.stream(asking("first"))
        await anext(left)

        other = asyncio.create_task(Heard().listen(model.stream(asking("second"))))
        await left.aclose()

        assert (await other).text == "Hello there"
        await model.aclose()


async def test_a_tool_call_is_put_together_from_fragments() -> None:
    def part(index: int, arguments: str, **first: str) -> bytes:
        function = {"arguments": arguments} | ({"name": first["name"]} if first else {})
        call = {"index": index, "function": function} | (
            {"id": first["id"], "type": "function"} if first else {}
        )
        return delta(tool_calls=[call])

    parts = (
        part(0, "", id="a", name="find"),
        part(0, '{"q":'),
        part(1, '{"n":1}', id="b", name="count"),
        part(0, '"x"}'),
    )
    async with MisbehavingServer(streams(*parts, delta(finish="tool_calls"), DONE)) as server:
        end = (await _call(server)).end

    assert end.tool_calls == (ToolRequest("a", "find", '{"q":"x"}'), ToolRequest("b", "count", '{"n":1}'))


async def test_tool_calls_of_a_server_that_numbers_them_all_zero_stay_apart() -> None:
    calls = [
        {"index": 0, "id": "a", "type": "function", "function": {"name": "one", "arguments": ""}},
        {"index": 0, "id": "b", "type": "function", "function": {"name": "two", "arguments": "{}"}},
        {"index": 2, "id": None, "type": "function", "function": {"name": "three", "arguments": "{}"}},
    ]
    events = [delta(tool_calls=[call]) for call in calls]
    async with MisbehavingServer(streams(*events, delta(finish="stop"), DONE)) as server:
        end = (await _call(server)).end

    assert [(call.id, call.name, call.arguments) for call in end.tool_calls] == [
        ("a", "one", "{}"),
        ("b", "two", "{}"),
        ("call_3", "three", "{}"),
    ]


async def test_broken_arguments_of_an_earlier_tool_call_go_back_as_they_were() -> None:
    calls = (
        ToolRequest("a", "find", '{"q":'),
        ToolRequest("b", "find", "[1]"),
        ToolRequest("c", "find", '{"q": 1}'),
    )
    after = (
        ChatMessage(ChatRole.ASSISTANT, "Let me look.", tool_calls=calls, name="Ada"),
        ChatMessage(ChatRole.TOOL, "bad", tool_call_id="a"),
    )
    async with MisbehavingServer(streams(*WHOLE)) as server:
        model = endpoint(server.base_url)
        await Heard().listen(model.stream(asking("find it", after=after)))
        await model.aclose()

        sent = server.requests[0]["messages"][1]
    arguments = {call["id"]: call["function"]["arguments"] for call in sent["tool_calls"]}
    assert (arguments["a"], arguments["b"], json.loads(arguments["c"])) == ('{"q":', "[1]", {"q": 1})
    assert (sent["name"], server.requests[0]["messages"][2]["tool_call_id"]) == ("Ada", "a")


@pytest.mark.parametrize(
    "fault",
    [
        fails_with(400),
        fails_with(500),
        fails_with(401),
        streams(delta("x"), event({"error": {"message": KEY}})),
    ],
    ids=["400", "500", "401", "in the stream"],
)
async def test_no_key_text_or_provider_message_leaves_the_adapter(
    fault: Behaviour, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO), capture_logs() as structured:
        async with MisbehavingServer(fault) as server:
            problem = await _problem(server)

    told = " ".join([*traceback.format_exception(problem), problem.message, caplog.text, repr(structured)])
    for secret in (KEY, "INTERNAL-PROVIDER-TEXT", PRIVATE):
        assert secret not in told


async def test_no_tracing_service_hears_of_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    for name in ("LANGSMITH_TRACING", "LANGCHAIN_TRACING_V2"):
        monkeypatch.setenv(name, "true")
    async with MisbehavingServer(streams(*WHOLE)) as server:
        model = endpoint(server.base_url)
        await Heard().listen(model.stream(asking("load the library")))
        _watch_tracers(monkeypatch, made)

        await Heard().listen(model.stream(asking(PRIVATE)))
        await model.aclose()

    assert made == []


def _watch_tracers(monkeypatch: pytest.MonkeyPatch, made: list[str]) -> None:
    """Note every tracer that the library makes, with the environment as it is now."""
    from langchain_core.tracers.langchain import LangChainTracer
    from langsmith import utils

    vars(utils)["get_env_var"].cache_clear()
    monkeypatch.setattr(LangChainTracer, "__init__", lambda *_, **__: made.append("tracer"))


async def test_the_key_goes_to_the_endpoint_in_its_header() -> None:
    async with MisbehavingServer(streams(*WHOLE)) as server:
        await _call(server)

        assert f"authorization: bearer {KEY}" in server.heads[0].lower()


async def test_closing_before_and_while_loading_is_fine() -> None:
    unused = endpoint("http://127.0.0.1:9/v1")
    await unused.aclose()

    loading = endpoint("http://127.0.0.1:9/v1")
    loading.warm_up()
    await loading.aclose()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
async def test_the_deltas_concatenated_are_the_text(data: st.DataObject) -> None:
    text = data.draw(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    async with MisbehavingServer(streams(*map(delta, pieces), delta(finish="stop"), DONE)) as server:
        heard = await _call(server)

    assert heard.text == text
    assert "" not in heard.deltas
