"""Which embedder a collection gets: the configured one, one of the same endpoint, words alone, or none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from pydantic import SecretStr

from domain.memory.ports import Space
from graphql_api.app.embedders import Embedders
from graphql_api.app.settings import Settings

LEXICAL = Space("lexical", 384, 1)
ENDPOINT = Settings(openai_api_key=SecretStr("sk-of-nobody"), embedding_model="new", embedding_dimension=8)


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def test_without_a_model_words_alone_are_compared(stack: AsyncExitStack) -> None:
    embedders = Embedders(Settings(), stack)

    assert embedders.configured().space == LEXICAL
    assert embedders.of(replace(LEXICAL, generation=7)) is embedders.configured()
    assert embedders.of(Space("old", 8)) is None


async def test_an_endpoint_is_asked_for_its_other_models_too(stack: AsyncExitStack) -> None:
    embedders = Embedders(ENDPOINT, stack)

    old = embedders.of(Space("old", 16, generation=3))

    assert embedders.configured().space == Space("new", 8)
    assert old is not None
    assert old.space == Space("old", 16)
    assert embedders.of(Space("old", 16)) is old
    assert embedders.of(LEXICAL) is not None


async def test_vectors_of_another_version_of_the_built_in_embedder_can_not_be_made(
    stack: AsyncExitStack,
) -> None:
    assert Embedders(ENDPOINT, stack).of(replace(LEXICAL, version=99)) is None
