"""The adapter against an OpenAI-compatible server that we did not write."""

import asyncio
import re
from collections.abc import AsyncIterator

import httpx
import pytest

from domain.models.entities import ChatMessage, ChatRole, ModelUsage, TextDelta, ToolOffer, ToolRequest
from domain.models.ports import ModelProblem, ModelProblemKind
from integrations.models.openai import OpenAiModel
from tests.integrations.models.calls import Heard, Sleeps, asking, endpoint
from tests.integrations.models.conftest import CYRILLIC_TEXT, LONG_TEXT, TOOL_ARGUMENTS
from tests.launchers.aimock import AimockServer
from tests.launchers.ports import free_port

WEATHER = ToolOffer(
    "weather", "The weather of a city.", {"type": "object", "properties": {"city": {"type": "string"}}}
)


@pytest.fixture
def sleeps() -> Sleeps:
    return Sleeps()


@pytest.fixture
async def model(aimock: AimockServer, sleeps: Sleeps) -> AsyncIterator[OpenAiModel]:
    model = endpoint(aimock.base_url, sleep=sleeps)
    yield model
    await model.aclose()


async def test_an_answer_streams_in_pieces_and_ends_once(model: OpenAiModel) -> None:
    heard = await Heard().listen(model.stream(asking("say hello")))

    assert heard.text == "Hello! How can I help you today, my friend?"
    assert len(heard.deltas) > 1
    assert (heard.end.model, heard.end.finish_reason, heard.end.tool_calls) == ("gpt-4.1", "stop", ())


async def test_text_in_other_scripts_arrives_unchanged(model: OpenAiModel) -> None:
    heard = await Heard().listen(model.stream(asking("ответь по-русски")))

    assert heard.text == CYRILLIC_TEXT


async def test_usage_comes_from_the_provider_and_is_priced(model: OpenAiModel) -> None:
    end = (await Heard().listen(model.stream(asking("count me")))).end

    assert end.usage == ModelUsage(1000, 200)
    assert (end.cost_micro_usd, end.price_known) == (3_600, True)


async def test_the_request_carries_settings_messages_and_tools(
    model: OpenAiModel, aimock: AimockServer
) -> None:
    before = (
        ChatMessage(ChatRole.SYSTEM, "You are Ada."),
        ChatMessage(ChatRole.ASSISTANT, "Yes?", name="Мой кодер"),
    )

    await Heard().listen(model.stream(asking("say hello", before=before, tools=(WEATHER,), max_tokens=77)))

    sent = (await aimock.journal())[-1]["body"]
    assert (sent["model"], sent["temperature"], sent["max_tokens"]) == ("gpt-4.1", 0.25, 77)
    assert [(m["role"], m["content"]) for m in sent["messages"]] == [
        ("system", "You are Ada."),
        ("assistant", "Yes?"),
        ("user", "say hello"),
    ]
    assert sent["tools"][0]["function"]["name"] == "weather"
    assert sent["stream_options"] == {"include_usage": True}


async def test_a_tool_call_is_collected_from_its_parts(model: OpenAiModel) -> None:
    end = (await Heard().listen(model.stream(asking("the weather please", tools=(WEATHER,))))).end

    assert end.finish_reason == "tool_calls"
    assert end.tool_calls == (ToolRequest("call_a", "weather", TOOL_ARGUMENTS),)


async def test_several_tool_calls_keep_their_order(model: OpenAiModel) -> None:
    end = (await Heard().listen(model.stream(asking("two tools", tools=(WEATHER,))))).end

    assert end.tool_calls == (
        ToolRequest("call_a", "weather", '{"city":"Oslo"}'),
        ToolRequest("call_b", "time", "{}"),
    )


async def test_a_tool_result_goes_back_and_is_answered(model: OpenAiModel) -> None:
    after = (
        ChatMessage(ChatRole.ASSISTANT, "", tool_calls=(ToolRequest("call_a", "weather", TOOL_ARGUMENTS),)),
        ChatMessage(ChatRole.TOOL, "rain", tool_call_id="call_a", name="weather"),
    )

    heard = await Heard().listen(model.stream(asking("the weather please", after=after, tools=(WEATHER,))))

    assert heard.text == "It rains in Oslo."


async def test_an_answer_cut_by_its_token_limit_says_so(model: OpenAiModel) -> None:
    heard = await Heard().listen(model.stream(asking("limited length")))

    assert (heard.text, heard.end.finish_reason) == ("Only so", "length")


async def test_a_rate_limit_is_waited_out_as_long_as_the_provider_asks(
    model: OpenAiModel, sleeps: Sleeps
) -> None:
    heard = await Heard().listen(model.stream(asking("too many")))

    assert heard.text == "Here I am."
    assert sleeps.asked_s == [7.0]


async def test_a_rate_limit_that_stays_ends_the_call_after_the_attempts(
    model: OpenAiModel, sleeps: Sleeps
) -> None:
    with pytest.raises(ModelProblem) as caught:
        await Heard().listen(model.stream(asking("always limited")))

    assert (caught.value.kind, caught.value.retryable) == (ModelProblemKind.RATE_LIMITED, True)
    assert caught.value.retry_after_s == 2.0
    assert sleeps.asked_s == [2.0, 2.0]


async def test_a_server_error_is_tried_again_after_a_backoff(model: OpenAiModel, sleeps: Sleeps) -> None:
    heard = await Heard().listen(model.stream(asking("hiccup")))

    assert heard.text == "Recovered."
    assert sleeps.asked_s == [0.5]


async def test_a_server_that_keeps_failing_is_unavailable(model: OpenAiModel, sleeps: Sleeps) -> None:
    with pytest.raises(ModelProblem) as caught:
        await Heard().listen(model.stream(asking("broken")))

    assert caught.value.kind is ModelProblemKind.UNAVAILABLE
    assert sleeps.asked_s == [0.5, 1.0]


async def test_a_model_that_the_provider_does_not_know_is_named(model: OpenAiModel) -> None:
    with pytest.raises(ModelProblem, match=re.escape("no model named gpt-4.1")) as caught:
        await Heard().listen(model.stream(asking("nobody has an answer to this")))

    assert (caught.value.kind, caught.value.retryable) == (ModelProblemKind.UNKNOWN_MODEL, False)


async def test_no_first_token_in_time_is_a_time_out(aimock: AimockServer) -> None:
    model = endpoint(aimock.base_url, first_token_timeout_s=0.15)
    heard = Heard()

    with pytest.raises(ModelProblem) as caught:
        await heard.listen(model.stream(asking("slow start")))

    assert (caught.value.kind, heard.deltas) == (ModelProblemKind.TIMED_OUT, [])
    await model.aclose()


async def test_silence_in_mid_answer_is_a_time_out_that_keeps_the_text(aimock: AimockServer) -> None:
    model = endpoint(aimock.base_url, chunk_timeout_s=0.1)
    heard = Heard()

    with pytest.raises(ModelProblem) as caught:
        await heard.listen(model.stream(asking("slow middle")))

    assert caught.value.kind is ModelProblemKind.TIMED_OUT
    assert heard.text
    assert LONG_TEXT.startswith(heard.text)
    await model.aclose()


async def test_the_total_time_bounds_an_answer_that_keeps_coming(aimock: AimockServer) -> None:
    model = endpoint(aimock.base_url, total_timeout_s=0.3)

    with pytest.raises(ModelProblem) as caught:
        await Heard().listen(model.stream(asking("long story")))

    assert caught.value.kind is ModelProblemKind.TIMED_OUT
    await model.aclose()


async def test_a_stream_cut_in_mid_answer_keeps_its_text_and_is_not_asked_again(
    model: OpenAiModel, sleeps: Sleeps
) -> None:
    heard = Heard()

    with pytest.raises(ModelProblem) as caught:
        await heard.listen(model.stream(asking("cut me")))

    assert (caught.value.kind, caught.value.retryable) == (ModelProblemKind.CUT_OFF, True)
    assert heard.text
    assert LONG_TEXT.startswith(heard.text)
    assert sleeps.asked_s == []


async def test_something_that_is_no_stream_is_garbage(model: OpenAiModel) -> None:
    with pytest.raises(ModelProblem) as caught:
        await Heard().listen(model.stream(asking("garbage")))

    assert caught.value.kind is ModelProblemKind.GARBAGE


async def test_a_server_that_hangs_up_at_once_is_unavailable(model: OpenAiModel, sleeps: Sleeps) -> None:
    with pytest.raises(ModelProblem) as caught:
        await Heard().listen(model.stream(asking("hang up")))

    assert caught.value.kind is ModelProblemKind.UNAVAILABLE
    assert len(sleeps.asked_s) == 2


async def test_nobody_listening_at_the_base_url_is_unavailable(sleeps: Sleeps) -> None:
    model = endpoint(f"http://127.0.0.1:{free_port()}/v1", sleep=sleeps)

    with pytest.raises(ModelProblem, match="can't be reached") as caught:
        await Heard().listen(model.stream(asking("say hello")))

    assert caught.value.kind is ModelProblemKind.UNAVAILABLE
    await model.aclose()


async def test_the_server_sees_a_cancelled_reader_leave(model: OpenAiModel, aimock: AimockServer) -> None:
    before = await _left_in_mid_answer(aimock)
    first = asyncio.Event()

    async def read() -> None:
        async for chunk in model.stream(asking("long story")):
            if isinstance(chunk, TextDelta):
                first.set()

    reading = asyncio.create_task(read())
    await first.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading

    await _until_left(aimock, before + 1)


async def test_the_server_sees_a_closed_generator_leave(model: OpenAiModel, aimock: AimockServer) -> None:
    before = await _left_in_mid_answer(aimock)
    chunks = model.stream(asking("long story"))
    await anext(chunks)

    await chunks.aclose()

    await _until_left(aimock, before + 1)


async def _left_in_mid_answer(aimock: AimockServer) -> int:
    """How many responses the peer could not finish because the client had gone."""
    async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
        metrics = (await client.get(f"http://127.0.0.1:{aimock.port}/metrics")).text
    counts = re.findall(
        r'^aimock_requests_total\{[^}]*status="destroyed"[^}]*\} (\d+)', metrics, re.MULTILINE
    )
    return sum(map(int, counts))


async def _until_left(aimock: AimockServer, count: int) -> None:
    async with asyncio.timeout(60):
        while await _left_in_mid_answer(aimock) < count:
            await asyncio.sleep(0.005)
