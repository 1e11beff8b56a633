"""The endpoint's embedder against a loopback server: whole answers, and everything that can go wrong with them."""

import asyncio
import logging
import math
import sys
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from domain.memory.ports import EmbeddingFailed, Space, TextRefused
from integrations.embeddings.openai import OpenAiEmbedder
from integrations.embeddings.settings import EmbeddingSettings
from integrations.models.settings import OpenAiSettings
from tests.integrations.embeddings.endpoint import (
    DIMENSION,
    EmbeddingServer,
    Reply,
    fails,
    numbers_of,
    sends,
    stays_silent,
    vectors,
)
from tests.integrations.models.calls import KEY, Sleeps, clock
from tests.launchers.aimock import AimockServer, require_aimock

PRIVATE = "my private words"
MODEL = "some-embedder"


@asynccontextmanager
async def _embedder(
    base_url: str,
    *,
    sleep: Sleeps | None = None,
    model: str = MODEL,
    dimension: int = DIMENSION,
    batch_texts: int = 64,
    max_requests: int = 4,
    cached_vectors: int = 100,
    attempt_timeout_s: float = 10.0,
    total_timeout_s: float = 30.0,
) -> AsyncIterator[OpenAiEmbedder]:
    """The embedder for a server on this machine; backing off takes no time."""
    endpoint = OpenAiSettings(api_key=KEY, model=model, base_url=base_url, total_timeout_s=total_timeout_s)
    settings = EmbeddingSettings(
        endpoint,
        dimension=dimension,
        batch_texts=batch_texts,
        max_requests=max_requests,
        cached_vectors=cached_vectors,
        attempt_timeout_s=attempt_timeout_s,
    )
    embedder = OpenAiEmbedder(settings, clock=clock, sleep=sleep or Sleeps(), jitter=lambda: 1.0)
    try:
        yield embedder
    finally:
        await embedder.aclose()


async def _failure(
    *replies: Reply, texts: tuple[str, ...] = (PRIVATE,), attempt_timeout_s: float = 10.0
) -> tuple[EmbeddingFailed, EmbeddingServer]:
    """What embedding ends with at a server with these replies."""
    async with (
        EmbeddingServer(*replies) as server,
        _embedder(server.base_url, attempt_timeout_s=attempt_timeout_s) as embedder,
    ):
        with pytest.raises(EmbeddingFailed) as caught:
            await embedder.embed(texts)
    return caught.value, server


async def _until(reached: Callable[[], bool]) -> None:
    """Let everybody else go on until something is so."""
    async with asyncio.timeout(60):
        while not reached():
            await asyncio.sleep(0)


async def test_texts_become_vectors_of_length_one_in_their_order() -> None:
    texts = ["one", "two", "three", "two"]
    async with EmbeddingServer() as server, _embedder(server.base_url) as embedder:
        found = await embedder.embed(texts)

    for text, vector in zip(texts, found, strict=True):
        sent = numbers_of(text)
        assert vector == pytest.approx([number / math.hypot(*sent) for number in sent], rel=1e-6)
        assert math.hypot(*vector) == pytest.approx(1)
    assert server.asked == ["one", "two", "three"]


async def test_texts_go_as_they_are_with_the_key_and_without_a_dimension_that_few_servers_know() -> None:
    async with EmbeddingServer() as server, _embedder(server.base_url) as embedder:
        await embedder.embed([PRIVATE])

    (request,) = server.requests
    assert (request["input"], request["model"]) == ([PRIVATE], MODEL)
    assert "dimensions" not in request
    assert f"authorization: bearer {KEY}" in server.heads[0].lower()


async def test_a_model_that_can_be_asked_for_a_dimension_is_asked_for_it() -> None:
    async with (
        EmbeddingServer() as server,
        _embedder(server.base_url, model="text-embedding-3-small") as embedder,
    ):
        await embedder.embed(["one"])

    assert server.requests[0]["dimensions"] == DIMENSION


async def test_the_space_is_the_models_of_1536_numbers_unless_told_otherwise() -> None:
    endpoint = OpenAiSettings(api_key=KEY, model="text-embedding-3-small")
    embedder = OpenAiEmbedder(EmbeddingSettings(endpoint), clock=clock)

    assert embedder.space == Space("text-embedding-3-small", 1536)
    assert embedder.label == "text-embedding-3-small"


async def test_nothing_asks_for_nothing() -> None:
    async with EmbeddingServer() as server, _embedder(server.base_url) as embedder:
        assert await embedder.embed([]) == []

    assert server.requests == []


async def test_many_texts_go_in_batches_of_which_only_some_are_open_at_once() -> None:
    texts = [f"text {number}" for number in range(25)]
    async with (
        EmbeddingServer() as server,
        _embedder(server.base_url, batch_texts=4, max_requests=2) as embedder,
    ):
        server.held.clear()
        asking = asyncio.create_task(embedder.embed(texts))
        await _until(lambda: server.open == 2)
        server.held.set()
        found = await asking

    assert sorted(len(request["input"]) for request in server.requests) == [1, 4, 4, 4, 4, 4, 4]
    assert server.most_open == 2
    assert len({tuple(vector) for vector in found}) == 25


async def test_a_text_that_comes_again_is_not_asked_for_again() -> None:
    async with EmbeddingServer() as server, _embedder(server.base_url) as embedder:
        (first,) = await embedder.embed(["one"])
        again, _ = await embedder.embed(["one", "two"])

    assert again == first
    assert server.asked == ["one", "two"]


async def test_the_cache_forgets_what_was_not_used_for_the_longest_time() -> None:
    async with EmbeddingServer() as server, _embedder(server.base_url, cached_vectors=2) as embedder:
        for text in ("one", "two", "one", "three", "one", "two"):
            await embedder.embed([text])

    assert server.asked == ["one", "two", "three", "two"]


async def test_what_came_before_a_failure_is_not_asked_for_again() -> None:
    async with (
        EmbeddingServer(vectors, fails(401), vectors) as server,
        _embedder(server.base_url, batch_texts=1, max_requests=1) as embedder,
    ):
        with pytest.raises(EmbeddingFailed):
            await embedder.embed(["one", "two"])
        await embedder.embed(["one", "two"])

    assert server.asked == ["one", "two", "two"]


@pytest.mark.parametrize(
    ("reply", "waited_s"),
    [
        (fails(429, retry_after="7"), 7.0),
        (fails(429), 0.5),
        (fails(500), 0.5),
        (fails(503, retry_after="2"), 2.0),
    ],
    ids=["429 that says when", "429", "500", "503 that says when"],
)
async def test_a_passing_failure_is_waited_for_and_tried_again(reply: Reply, waited_s: float) -> None:
    sleeps = Sleeps()
    async with (
        EmbeddingServer(reply, vectors) as server,
        _embedder(server.base_url, sleep=sleeps) as embedder,
    ):
        (vector,) = await embedder.embed(["one"])

    assert len(vector) == DIMENSION
    assert sleeps.asked_s == [waited_s]


async def test_a_failure_that_stays_is_told_after_three_attempts() -> None:
    failure, server = await _failure(fails(500))

    assert len(server.requests) == 3
    assert "failure just now" in failure.message


async def test_a_wait_of_an_hour_is_left_to_the_caller() -> None:
    _, server = await _failure(fails(429, retry_after="3600"))

    assert len(server.requests) == 1


async def test_a_wait_beyond_the_total_time_is_not_begun() -> None:
    sleeps = Sleeps()
    async with (
        EmbeddingServer(fails(503, retry_after="20")) as server,
        _embedder(server.base_url, sleep=sleeps, total_timeout_s=10) as embedder,
    ):
        with pytest.raises(EmbeddingFailed):
            await embedder.embed(["one"])

    assert sleeps.asked_s == []


@pytest.mark.parametrize(
    ("status", "told"),
    [(401, "OPENAI_API_KEY"), (404, "no model named")],
)
async def test_a_refusal_is_told_at_once(status: int, told: str) -> None:
    failure, server = await _failure(fails(status))

    assert len(server.requests) == 1
    assert told in failure.message


@pytest.mark.parametrize(("status", "told"), [(400, "does not accept"), (413, "too long")])
async def test_an_endpoint_that_refuses_any_text_is_not_asked_for_each(status: int, told: str) -> None:
    failure, server = await _failure(fails(status), texts=tuple(f"{PRIVATE} {n}" for n in range(60)))

    assert not isinstance(failure, TextRefused)
    assert told in failure.message
    assert [len(each["input"]) for each in server.requests] == [60, 1, 1]
    assert PRIVATE not in server.asked[-1]


def _takes(limit: int, *, never: str = "\0", status: int = 400) -> Reply:
    """Takes texts of up to so many characters, and never one with a word."""
    refuses = fails(status)
    return lambda request: (
        refuses if any(len(each) > limit or never in each for each in request["input"]) else vectors
    )(request)


@pytest.mark.parametrize("status", [400, 413])
async def test_a_text_that_is_too_long_is_compared_by_its_beginning(status: int) -> None:
    long = "".join(f"{number:05d} " for number in range(1_000))
    async with (
        EmbeddingServer(_takes(2_000, status=status)) as server,
        _embedder(server.base_url) as embedder,
    ):
        short, first, again = [await embedder.embed([text]) for text in ("short", long, long)]
        together = await embedder.embed(["short", long, "another"])

    assert first == again == [together[1]]
    assert together[0] == short[0]
    sent = numbers_of(long[:1_500])
    assert first[0] == pytest.approx([number / math.hypot(*sent) for number in sent], rel=1e-6)
    assert [len(each) for each in server.asked] == [5, 6_000, 3_000, 1_500, 7]


async def test_one_text_that_is_never_taken_keeps_no_other_from_its_vector() -> None:
    async with EmbeddingServer(_takes(9_000, never="odd")) as server, _embedder(server.base_url) as embedder:
        with pytest.raises(TextRefused) as caught:
            await embedder.embed(["one", "odd " * 500, "two"])
        for text in ("one", "two"):
            assert await embedder.embed([text])

    assert "does not take this text" in caught.value.message
    assert len(server.requests) < 10


async def test_silence_is_cut_and_tried_again() -> None:
    failure, server = await _failure(stays_silent, attempt_timeout_s=0.05)

    assert len(server.requests) == 3
    assert "in time" in failure.message


async def test_the_total_time_ends_every_request() -> None:
    async with (
        EmbeddingServer(stays_silent) as server,
        _embedder(server.base_url, batch_texts=1, total_timeout_s=0.2) as embedder,
    ):
        with pytest.raises(EmbeddingFailed, match="in time"):
            await embedder.embed(["one", "two"])


@pytest.mark.parametrize(
    "reply",
    [lambda request: vectors(request, dimension=4), lambda request: vectors(request, dimension=16)],
    ids=["fewer numbers", "more numbers"],
)
async def test_vectors_of_another_dimension_are_refused(reply: Reply) -> None:
    failure, server = await _failure(reply)

    assert f"where {DIMENSION} are expected" in failure.message
    assert len(server.requests) == 1


async def test_fewer_vectors_than_texts_are_refused() -> None:
    failure, _ = await _failure(lambda request: vectors(request, texts=2), texts=("one", "two", "three"))

    assert "2 vectors for 3 texts" in failure.message


def _list_of(embedding: str) -> str:
    return f'{{"object":"list","data":[{{"object":"embedding","index":0,"embedding":{embedding}}}]}}'


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
@pytest.mark.parametrize(
    "body",
    [
        "<html>Welcome</html>",
        "",
        "{}",
        "[]",
        "null",
        '{"data":null}',
        '{"data":[]}',
        '{"data":[{}]}',
        '{"data":[null]}',
        '{"data":"text"}',
        _list_of("null"),
        _list_of('"%%%"'),
        _list_of('["1","2","3","4","5","6","7","8"]'),
        _list_of("[null,1,1,1,1,1,1,1]"),
        _list_of("[0,0,0,0,0,0,0,0]"),
        _list_of("[NaN,1,1,1,1,1,1,1]"),
        _list_of("[1e999,1,1,1,1,1,1,1]"),
        _list_of("{}"),
    ],
)
async def test_garbage_is_never_a_vector(body: str) -> None:
    failure, _ = await _failure(sends(body))

    assert failure.message


@pytest.mark.parametrize("blank", ["", "  \n"])
async def test_a_blank_text_is_refused_before_anything_is_sent(blank: str) -> None:
    _, server = await _failure(vectors, texts=("one", blank))

    assert server.requests == []


async def test_text_that_can_not_be_sent_is_a_failure() -> None:
    failure, _ = await _failure(vectors, texts=("half a pair: \ud83d",))

    assert "no valid text" in failure.message


async def test_no_server_at_all_is_a_failure() -> None:
    async with _embedder("http://127.0.0.1:9/v1") as embedder:
        with pytest.raises(EmbeddingFailed, match="reached"):
            await embedder.embed(["one"])


@pytest.mark.parametrize("status", [400, 401, 500])
async def test_no_key_text_or_provider_message_leaves_the_embedder(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        failure, _ = await _failure(fails(status))

    told = " ".join([*traceback.format_exception(failure), failure.message, caplog.text])
    for secret in (KEY, "INTERNAL-PROVIDER-TEXT", PRIVATE):
        assert secret not in told


async def test_cancelling_a_call_leaves_room_for_the_next() -> None:
    async with EmbeddingServer() as server, _embedder(server.base_url, max_requests=1) as embedder:
        await embedder.embed(["load the library"])
        server.held.clear()
        waiting = asyncio.create_task(embedder.embed(["one"]))
        await _until(lambda: server.open == 1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        server.held.set()

        assert len(await embedder.embed(["two"])) == 1


async def test_closing_before_and_while_loading_is_fine() -> None:
    async with _embedder("http://127.0.0.1:9/v1"):
        pass
    async with _embedder("http://127.0.0.1:9/v1") as embedder:
        embedder.warm_up()


async def test_importing_it_loads_none_of_the_slow_libraries() -> None:
    slow = ("openai", "langchain_core", "langchain_openai", "tiktoken", "numpy")
    program = (
        "import sys, integrations.embeddings.openai, integrations.embeddings.lexical\n"
        f"print([name for name in {slow!r} if name in sys.modules])"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()

    assert out.decode().strip() == "[]"


@pytest.fixture
async def aimock() -> AsyncIterator[AimockServer]:
    """The peer that makes embeddings for any text, and limits one."""
    require_aimock()
    limited = {"error": {"message": "Slow down", "type": "rate_limit_error"}, "status": 429, "retryAfter": 7}
    fixtures: list[dict[str, object]] = [
        {"match": {"inputText": "too many", "sequenceIndex": 0}, "response": limited},
        {"match": {"inputText": "too many"}, "response": {"embedding": [1.0, 2.0]}},
    ]
    async with AimockServer(fixtures) as server:
        yield server


async def test_the_peer_makes_vectors_of_the_dimension_that_it_is_asked_for(aimock: AimockServer) -> None:
    async with _embedder(aimock.base_url, model="text-embedding-3-small", dimension=256) as embedder:
        one, other = await embedder.embed(["one", "other"])

    assert (len(one), len(other), one == other) == (256, 256, False)


async def test_the_peer_s_limit_is_waited_for(aimock: AimockServer) -> None:
    sleeps = Sleeps()
    async with _embedder(aimock.base_url, dimension=2, sleep=sleeps) as embedder:
        (vector,) = await embedder.embed(["too many"])

    assert vector == pytest.approx([0.4472136, 0.8944272])
    assert sleeps.asked_s == [7.0]
