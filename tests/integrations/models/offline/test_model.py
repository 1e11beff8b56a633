"""The offline model's stream."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.models.entities import ModelUsage, ToolRequest
from integrations.models.offline.model import OfflineModel
from integrations.models.offline.reply import reply
from tests.integrations.models.calls import Heard, Sleeps
from tests.integrations.models.offline.questions import request


async def _hear(question: str, *, max_tokens: int = 1_000, tools: tuple[str, ...] = ()) -> Heard:
    model = OfflineModel(tokens_per_second=0)
    return await Heard().listen(model.stream(request(question, max_tokens=max_tokens, tools=tools)))


@given(st.text(max_size=400))
async def test_the_words_concatenated_are_the_reply(question: str) -> None:
    heard = await _hear(f"repeat: {question}")

    assert heard.text == reply(request(f"repeat: {question}")).text
    assert heard.end.finish_reason == "stop"


async def test_it_streams_word_by_word_and_is_labelled_and_free() -> None:
    heard = await _hear("repeat 3 words")

    assert heard.deltas == ["word1 ", "word2 ", "word3"]
    end = heard.end
    assert (end.model, end.cost_micro_usd, end.price_known, end.tool_calls) == ("offline-1", 0, True, ())


async def test_its_tokens_are_words() -> None:
    heard = await _hear("repeat 3 words")

    prompt = request("repeat 3 words").messages[0].content
    assert heard.end.usage == ModelUsage(len(prompt.split()) + 3, 3)


async def test_an_answer_is_cut_at_the_token_limit() -> None:
    heard = await _hear("repeat 10 words", max_tokens=4)

    assert (heard.text, heard.end.finish_reason, heard.end.usage.output_tokens) == (
        "word1 word2 word3 word4 ",
        "length",
        4,
    )


async def test_a_tool_is_asked_for_at_the_end() -> None:
    heard = await _hear('call python: {"code": "1 + 1"}', tools=("python",))

    assert heard.deltas == []
    assert heard.end.finish_reason == "tool_calls"
    assert heard.end.tool_calls == (ToolRequest("call_1", "python", '{"code": "1 + 1"}'),)
    assert heard.end.usage.output_tokens == 4


async def test_its_speed_is_configurable() -> None:
    sleeps = Sleeps()

    await Heard().listen(OfflineModel(tokens_per_second=50, sleep=sleeps).stream(request("repeat 4 words")))

    assert sleeps.asked_s == [0.02] * 4


async def test_at_full_speed_others_get_their_turn() -> None:
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count_turns())
    await _hear("repeat 640 words")
    counting.cancel()

    assert turns >= 20


async def test_a_cancelled_reader_stops_it_at_once() -> None:
    heard = Heard()
    reading = asyncio.create_task(
        heard.listen(OfflineModel(tokens_per_second=200).stream(request("repeat 900 words")))
    )
    while not heard.deltas:
        await asyncio.sleep(0.001)

    reading.cancel()
    async with asyncio.timeout(60):
        with pytest.raises(asyncio.CancelledError):
            await reading

    assert heard.ends == []
