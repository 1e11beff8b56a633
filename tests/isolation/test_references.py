"""Whatever names something of another's, or of the caller's elsewhere, is answered as if there were no such thing."""

from collections.abc import Callable, Mapping

import pytest

from tests.isolation.matrix import Ask, differences, over_events, over_http, over_socket
from tests.isolation.opening import App
from tests.isolation.people import Place
from tests.isolation.registry import MUTATIONS, QUERIES, SUBSCRIPTIONS, Case, Reference, Text

Transport = Callable[[App, Place], Ask]


def naming(cases: Mapping[str, Case]) -> list[str]:
    """The cases in which something is named."""
    return [
        path
        for path, case in cases.items()
        if case.owner
        or any(
            isinstance(it, Reference) or it in (Text.HANDLE, Text.MENTION) for it in case.arguments.values()
        )
    ]


def callers(app: App) -> tuple[Place, Place]:
    """Those who try: each person once, in the first or in the second of their projects."""
    return app.people.alice[0], app.people.bob[1]


@pytest.mark.parametrize("path", naming(QUERIES))
async def test_a_query_finds_nothing_of_anothers(app: App, path: str) -> None:
    found = [d for it in callers(app) for d in await differences(app, it, path, over_http(app, it))]

    assert not found, "\n".join(found)


@pytest.mark.parametrize("path", naming(MUTATIONS))
async def test_a_mutation_reaches_nothing_of_anothers(app: App, path: str) -> None:
    found = [d for it in callers(app) for d in await differences(app, it, path, over_http(app, it))]

    assert not found, "\n".join(found)


@pytest.mark.parametrize("transport", [over_events, over_socket])
@pytest.mark.parametrize("path", naming(SUBSCRIPTIONS))
async def test_a_subscription_hears_nothing_of_anothers(app: App, path: str, transport: Transport) -> None:
    found = [d for it in callers(app) for d in await differences(app, it, path, transport(app, it))]

    assert not found, "\n".join(found)
