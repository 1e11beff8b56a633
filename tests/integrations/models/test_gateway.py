"""Which model answers."""

import pytest

from domain.models.entities import DEFAULT_MODEL, OFFLINE_MODEL, ModelRef
from domain.models.ports import ModelGateway, ModelProblem, ModelProblemKind
from integrations.models.gateway import ModelRouter
from integrations.models.offline.model import OfflineModel
from tests.integrations.models.calls import KEY, Heard, asking, endpoint
from tests.integrations.models.misbehaving import DONE, MisbehavingServer, delta, streams

ANSWER = streams(delta("From afar"), delta(finish="stop"), DONE)


def _router(base_url: str | None = None) -> ModelRouter:
    return ModelRouter(
        offline_model=OfflineModel(tokens_per_second=0), endpoint=endpoint(base_url) if base_url else None
    )


async def test_without_a_key_the_default_is_the_offline_model() -> None:
    router: ModelGateway = _router()

    heard = await Heard().listen(router.stream(asking("what is 2+2", model=DEFAULT_MODEL)))

    assert (router.offline, router.default_name, router.resolve(DEFAULT_MODEL)) == (
        True,
        "offline-1",
        OFFLINE_MODEL,
    )
    assert (heard.text, heard.end.model, heard.end.cost_micro_usd, heard.end.price_known) == (
        "2+2 = 4",
        "offline-1",
        0,
        True,
    )


async def test_with_a_key_the_default_is_the_configured_model() -> None:
    async with MisbehavingServer(ANSWER) as server:
        router = _router(server.base_url)
        router.warm_up()

        heard = await Heard().listen(router.stream(asking("what is 2+2", model=DEFAULT_MODEL)))
        await router.aclose()

        assert [request["model"] for request in server.requests] == ["gpt-4.1-mini"]
    assert (router.offline, router.default_name) == (False, "gpt-4.1-mini")
    assert router.resolve(DEFAULT_MODEL) == ModelRef("openai", "gpt-4.1-mini")
    assert (heard.text, heard.end.model) == ("From afar", "gpt-4.1-mini")


@pytest.mark.parametrize("name", ["offline-1", "anything"])
async def test_the_offline_model_answers_by_its_name_also_with_a_key(name: str) -> None:
    async with MisbehavingServer(ANSWER) as server:
        router = _router(server.base_url)

        heard = await Heard().listen(router.stream(asking("what is 2+2", model=ModelRef("offline", name))))

        assert server.requests == []
    assert (heard.text, heard.end.model) == ("2+2 = 4", "offline-1")


@pytest.mark.parametrize(
    "model",
    [
        ModelRef("openai", "gpt-4.1"),
        ModelRef("openrouter", "openai/gpt-4.1"),
        ModelRef("x", "openrouter/a/b"),
    ],
)
async def test_other_providers_pass_through_with_their_names_unchanged(model: ModelRef) -> None:
    async with MisbehavingServer(ANSWER) as server:
        router = _router(server.base_url)

        heard = await Heard().listen(router.stream(asking("hello", model=model)))
        await router.aclose()

        assert [request["model"] for request in server.requests] == [model.name]
    assert router.resolve(model) == model
    assert heard.end.model == model.name


async def test_a_model_that_needs_a_key_says_so() -> None:
    with pytest.raises(
        ModelProblem, match=r"No key is set for the model gpt-4\.1\. Set OPENAI_API_KEY"
    ) as caught:
        await Heard().listen(_router().stream(asking("hello")))

    assert (caught.value.kind, caught.value.retryable) == (ModelProblemKind.REFUSED, False)


async def test_a_model_that_codelab_does_not_have_is_unknown() -> None:
    router = _router()

    with pytest.raises(ModelProblem, match="no model named best") as caught:
        router.resolve(ModelRef("codelab", "best"))
    with pytest.raises(ModelProblem):
        await Heard().listen(router.stream(asking("hello", model=ModelRef("codelab", "best"))))

    assert caught.value.kind is ModelProblemKind.UNKNOWN_MODEL


async def test_without_a_key_there_is_nothing_to_load_or_close() -> None:
    router = _router()

    router.warm_up()
    await router.aclose()


async def test_a_reader_that_leaves_closes_the_call_at_the_endpoint() -> None:
    async with MisbehavingServer(streams(delta("Half"), ends=False)) as server:
        router = _router(server.base_url)
        chunks = router.stream(asking("hello"))
        await anext(chunks)

        await chunks.aclose()

        await server.left.wait()
        await router.aclose()


def test_the_key_is_not_shown_with_the_settings() -> None:
    from integrations.models.settings import OpenAiSettings

    assert KEY not in repr(OpenAiSettings(api_key=KEY, model="m"))
