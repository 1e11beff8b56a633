"""What agents remember, over GraphQL: written, found, changed, cited and forgotten, bad inputs too."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any, cast

import pytest

from tests.graphql_api.schema.api import PROBLEM, REASON, Api
from tests.graphql_api.schema.streams import next_of, stream

MEMORY = """id text kind importance pinned indexed createdAt lastUsedAt uses
    source { id content } session { id } supersededBy { id }"""
SAVED = f"... on MemorySaved {{ memory {{ {MEMORY} }} }}"
REMEMBER = f"""mutation ($agent: ID!, $text: String!, $importance: Float) {{
    remember(agentId: $agent, text: $text, importance: $importance) {{
        {PROBLEM} ... on LimitExceeded {{ limit }} {SAVED} }} }}"""
EDIT = f"mutation ($id: ID!, $text: String!) {{ editMemory(memoryId: $id, text: $text) {{ {PROBLEM} {SAVED} }} }}"
PIN = f"mutation ($id: ID!, $pinned: Boolean!) {{ pinMemory(memoryId: $id, pinned: $pinned) {{ {REASON} {SAVED} }} }}"
FORGET = f"mutation ($id: ID!) {{ forgetMemory(memoryId: $id) {{ {REASON} ... on Deleted {{ id cancelledTasks }} }} }}"
CLEAR = f"mutation ($agent: ID!) {{ clearMemory(agentId: $agent) {{ {REASON} ... on MemoryCleared {{ count }} }} }}"
ENTRIES = f"""query ($agent: ID!, $filter: MemoryFilter, $first: Int, $after: String) {{ agent(id: $agent) {{ memory {{
    count limit embedder entries(filter: $filter, first: $first, after: $after) {{
        totalCount pageInfo {{ hasNextPage endCursor }} nodes {{ {MEMORY} }} }} }} }} }}"""
SEARCH = """query ($agent: ID!, $words: String!, $first: Int, $filter: MemoryFilter) { agent(id: $agent) { memory {
    search(query: $words, first: $first, filter: $filter) { score memory { text } } } } }"""
CITED = """query ($id: ID!) { session(id: $id) { messages { nodes { author content
    citations { memoryId score excerpt memory { id text } } } } } }"""
EVENTS = """subscription ($id: ID!, $after: Cursor) { sessionEvents(sessionId: $id, after: $after) { __typename
    ... on MemoryRecalled { runId seconds degraded agent { handle }
        citations { memoryId score excerpt memory { text } } } } }"""
DELETE_SESSION = f"mutation ($id: ID!) {{ deleteSession(id: $id) {{ {REASON} ... on Deleted {{ id }} }} }}"
UNKNOWN = "mem_00000000000000000000000000"


@pytest.fixture
async def project(api: Api) -> Any:
    """A project of the user's."""
    return await api.project()


@pytest.fixture
def agent(project: Any) -> str:
    """Its first agent, @CodeAssistant."""
    agent_id: str = project["agents"]["nodes"][0]["id"]
    return agent_id


async def noted(api: Api, agent: str, text: str, **more: object) -> Any:
    """A new note, as soon as searches find it."""
    saved = await api.data(REMEMBER, agent=agent, text=text, **more)
    assert saved["__typename"] == "MemorySaved", saved
    await heard(api)
    return saved["memory"]


async def heard(api: Api) -> None:
    """Wait until the index has heard of everything."""
    async with asyncio.timeout(60):
        while await api.parts.memory.lag_s() > 0:
            await asyncio.sleep(0.02)


async def entries(api: Api, agent: str, **more: object) -> Any:
    """A page of an agent's memories."""
    return (await api.data(ENTRIES, agent=agent, **more))["memory"]["entries"]


async def texts(api: Api, agent: str, **filter_: object) -> list[str]:
    """The texts of all memories that a filter means."""
    return [it["text"] for it in (await entries(api, agent, filter=filter_))["nodes"]]


async def found(api: Api, agent: str, words: str, **more: object) -> list[str]:
    """What a search finds, the best first."""
    memory = (await api.data(SEARCH, agent=agent, words=words, **more))["memory"]
    return [it["memory"]["text"] for it in memory["search"]]


async def learned(api: Api, agent: str, count: int) -> Any:
    """All memories, as soon as there are so many and searches find them."""
    async with asyncio.timeout(60):
        while True:
            nodes = (await entries(api, agent))["nodes"]
            if len(nodes) == count and all(it["indexed"] for it in nodes):
                return nodes
            await asyncio.sleep(0.02)


# notes


async def test_a_note_is_written_and_found(api: Api, agent: str) -> None:
    note = await noted(api, agent, "  The staging server is called Heron ")
    await noted(api, agent, "Lunch is at noon", importance=0.3)

    assert note["text"] == "The staging server is called Heron"
    assert (note["kind"], note["importance"], note["pinned"]) == ("NOTE", 0.8, False)
    assert (note["source"], note["session"], note["supersededBy"]) == (None, None, None)
    assert (note["uses"], note["lastUsedAt"]) == (0, None)
    assert (await found(api, agent, "which server is staging?"))[0] == note["text"]
    memory = (await api.data(ENTRIES, agent=agent))["memory"]
    assert (memory["count"], memory["limit"]) == (2, 1_000_000)
    assert memory["embedder"].startswith("lexical")
    assert [(it["importance"], it["indexed"]) for it in memory["entries"]["nodes"]] == [
        (0.3, True),
        (0.8, True),
    ]


async def test_other_agents_do_not_remember_it(api: Api, project: Any, agent: str) -> None:
    await noted(api, agent, "The staging server is called Heron")

    other = project["agents"]["nodes"][1]["id"]
    assert await found(api, other, "staging server") == []
    assert await texts(api, other) == []


async def test_an_edited_memory_is_found_by_its_new_text(api: Api, agent: str) -> None:
    note = await noted(api, agent, "The staging server is called Heron")

    edited = (await api.data(EDIT, id=note["id"], text="The staging server is called Osprey"))["memory"]

    assert (edited["id"], edited["text"]) == (note["id"], "The staging server is called Osprey")
    await heard(api)
    assert await found(api, agent, "osprey") == [edited["text"]]


async def test_a_memory_is_pinned_and_let_go(api: Api, agent: str) -> None:
    note = await noted(api, agent, "Never deploy on Fridays")

    pinned = await api.data(PIN, id=note["id"], pinned=True)
    again = await api.data(PIN, id=note["id"], pinned=True)
    loose = await api.data(PIN, id=note["id"], pinned=False)

    assert [it["memory"]["pinned"] for it in (pinned, again, loose)] == [True, True, False]


async def test_what_is_restated_supersedes_what_was_stated(api: Api, agent: str) -> None:
    old = await noted(api, agent, "My favourite colour is blue")
    new = await noted(api, agent, "My favourite colour is green")

    async with asyncio.timeout(60):
        while await found(api, agent, "favourite colour") != [new["text"]]:
            await asyncio.sleep(0.02)
    by_id = {it["id"]: it for it in (await entries(api, agent))["nodes"]}
    assert by_id[old["id"]]["supersededBy"] == {"id": new["id"]}
    assert by_id[new["id"]]["supersededBy"] is None


async def test_a_forgotten_memory_is_gone_and_so_is_a_cleared_one(api: Api, agent: str) -> None:
    notes = [await noted(api, agent, text) for text in ("One apple", "Two pears", "Three plums")]
    await api.data(PIN, id=notes[1]["id"], pinned=True)

    forgotten = await api.data(FORGET, id=notes[0]["id"])
    twice = await api.data(FORGET, id=notes[0]["id"])
    left = await texts(api, agent)
    cleared = await api.data(CLEAR, agent=agent)
    empty = await api.data(CLEAR, agent=agent)

    assert (forgotten["id"], forgotten["cancelledTasks"]) == (notes[0]["id"], 0)
    assert twice["__typename"] == "NotFound"
    assert left == ["Three plums", "Two pears"]
    assert (cleared["count"], empty["count"]) == (2, 0)
    assert await texts(api, agent) == []
    assert await found(api, agent, "apple pears plums") == []


# lists and searches


async def test_entries_are_paged_and_filtered(api: Api, project: Any, agent: str) -> None:
    session = await api.session(project["id"])
    await api.ask(session, "@CodeAssistant My favourite colour is teal", "k1")
    await api.ask(session, "@CodeAssistant what is 20+3", "k2")
    (first, second) = (await learned(api, agent, 2))[::-1]
    note = await noted(api, agent, "Ёлка 100% _green_")

    page = await entries(api, agent, first=2)
    rest = await entries(api, agent, first=2, after=page["pageInfo"]["endCursor"])
    assert [it["id"] for it in page["nodes"]] == [note["id"], second["id"]]
    assert [it["id"] for it in rest["nodes"]] == [first["id"]]
    assert (page["totalCount"], page["pageInfo"]["hasNextPage"]) == (3, True)
    assert (rest["totalCount"], rest["pageInfo"]["hasNextPage"]) == (3, False)

    assert await texts(api, agent, sessionId=session) == [second["text"], first["text"]]
    assert await texts(api, agent, kind="NOTE") == [note["text"]]
    assert await texts(api, agent, kind="FACT") == [first["text"]]
    assert await texts(api, agent, kind="INTERACTION") == [second["text"]]
    assert await texts(api, agent, success=False) == []
    assert len(await texts(api, agent, success=True)) == 3
    assert await texts(api, agent, **{"from": second["createdAt"]}) == [note["text"], second["text"]]
    assert await texts(api, agent, to=second["createdAt"]) == [first["text"]]
    assert await texts(api, agent, text="TEAL") == [first["text"]]
    assert await texts(api, agent, text="0% _") == [note["text"]]
    assert await texts(api, agent, text="ёлка") == [note["text"]]
    assert await texts(api, agent, text="%", kind="FACT") == []
    assert len(await texts(api, agent, sessionId=None, kind=None, text=None)) == 3


async def test_searches_are_filtered_and_bounded(api: Api, project: Any, agent: str) -> None:
    session = await api.session(project["id"])
    await api.ask(session, "@CodeAssistant My favourite colour is teal", "k1")
    await learned(api, agent, 1)
    for text in ("The teal door", "The teal roof", "The teal gate"):
        await noted(api, agent, text)

    assert len(await found(api, agent, "teal")) == 4
    assert len(await found(api, agent, "teal", first=2)) == 2
    (only,) = await found(api, agent, "teal", filter={"sessionId": session})
    assert "favourite" in only
    assert await found(api, agent, "teal", filter={"kind": "FACT"}) == [only]
    assert len(await found(api, agent, "teal", filter={"kind": "NOTE"})) == 3
    assert await found(api, agent, "teal", filter={"success": False}) == []
    assert await found(api, agent, "teal", filter={"to": "2020-01-01T00:00:00Z"}) == []


async def test_scores_fall_from_the_best_to_the_last(api: Api, agent: str) -> None:
    for text in ("The staging server is called Heron", "Lunch is at noon", "The server room is cold"):
        await noted(api, agent, text)

    hits = (await api.data(SEARCH, agent=agent, words="staging server"))["memory"]["search"]
    scores = [it["score"] for it in hits]

    assert hits[0]["memory"]["text"] == "The staging server is called Heron"
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)


# bad input, other people


@pytest.mark.parametrize(
    ("bad", "path"),
    [
        ({"text": " \n "}, "text"),
        ({"text": "x" * 8_001}, "text"),
        ({"text": "fine", "importance": 1.5}, "importance"),
        ({"text": "fine", "importance": -0.1}, "importance"),
    ],
)
async def test_a_bad_note_is_not_written(api: Api, agent: str, bad: dict[str, Any], path: str) -> None:
    answer = await api.data(REMEMBER, agent=agent, **bad)

    assert (answer["__typename"], answer["fields"][0]["path"]) == ("Invalid", [path])
    assert await texts(api, agent) == []


async def test_a_memory_is_not_edited_to_nothing(api: Api, agent: str) -> None:
    note = await noted(api, agent, "x" * 8_000)

    for text in ("", "  ", "y" * 8_001):
        answer = await api.data(EDIT, id=note["id"], text=text)
        assert (answer["__typename"], answer["fields"][0]["path"]) == ("Invalid", ["text"])

    assert await texts(api, agent) == [note["text"]]


@pytest.mark.parametrize(
    "bad", [{"words": ""}, {"words": "x" * 2_001}, {"words": "x", "first": 0}, {"words": "x", "first": 101}]
)
async def test_a_bad_search_is_refused(api: Api, agent: str, bad: dict[str, Any]) -> None:
    assert await api.code(SEARCH, agent=agent, **bad) == "INVALID"


@pytest.mark.parametrize("bad", [{"first": -1}, {"first": 101}, {"after": "nonsense"}])
async def test_a_bad_page_is_refused(api: Api, agent: str, bad: dict[str, Any]) -> None:
    assert await api.code(ENTRIES, agent=agent, **bad) == "INVALID"


async def test_another_users_memories_are_not_there(nobody: Api, api: Api, project: Any, agent: str) -> None:
    session = await api.session(project["id"])
    note = await noted(api, agent, "The vault opens with 1234")
    eve = await nobody.signed_up("eve@example.com")
    own = (await eve.project())["agents"]["nodes"][0]["id"]

    for memory_id in (note["id"], UNKNOWN, "mem_x", agent):
        for answer in (
            await eve.data(EDIT, id=memory_id, text="mine"),
            await eve.data(PIN, id=memory_id, pinned=True),
            await eve.data(FORGET, id=memory_id),
        ):
            assert answer["__typename"] == "NotFound"
    assert (await eve.data(REMEMBER, agent=agent, text="mine"))["__typename"] == "NotFound"
    assert (await eve.data(CLEAR, agent=agent))["__typename"] == "NotFound"
    assert await eve.data(ENTRIES, agent=agent) is None
    assert await found(eve, own, "vault") == []
    assert await texts(eve, own, sessionId=session) == []
    assert await texts(api, agent) == [note["text"]]
    assert not (await entries(api, agent))["nodes"][0]["pinned"]


async def test_nobody_remembers_nothing(nobody: Api, agent: str) -> None:
    assert await nobody.code(REMEMBER, agent=agent, text="x") == "UNAUTHENTICATED"


# learning and citing


async def test_an_answer_cites_what_it_was_given_and_quotes_nothing_that_is_forgotten(
    api: Api, project: Any, agent: str
) -> None:
    first, second = await api.session(project["id"]), await api.session(project["id"])
    told = await api.ask(first, "@CodeAssistant My favourite colour is teal", "k1")
    (memory,) = await learned(api, agent, 1)

    asked = await api.ask(second, "@CodeAssistant What is my favourite colour?", "k2")

    answer = asked["run"]["answer"]
    assert answer["content"] == "You told me earlier: your favourite colour is teal."
    (citation,) = answer["citations"]
    assert citation["memoryId"] == memory["id"]
    assert citation["excerpt"] == memory["text"]
    assert 0 < citation["score"] <= 1
    assert (memory["kind"], memory["source"]["id"]) == ("FACT", told["run"]["answer"]["id"])
    assert memory["session"] == {"id": first}
    (used,) = (await entries(api, agent))["nodes"]
    assert used["uses"] == 1
    assert used["lastUsedAt"]

    await api.data(FORGET, id=memory["id"])
    nodes = (await api.data(CITED, id=second))["messages"]["nodes"]

    (late,) = nodes[1]["citations"]
    assert (late["memoryId"], late["excerpt"], late["memory"]) == (memory["id"], "", None)


async def test_an_excerpt_is_a_beginning(api: Api, project: Any, agent: str) -> None:
    note = await noted(api, agent, "The handbook says: " + "word " * 200)
    session = await api.session(project["id"])

    asked = await api.ask(session, "@CodeAssistant what does the handbook say?", "k")

    (citation,) = asked["run"]["answer"]["citations"]
    assert citation["excerpt"] == note["text"][:280]


async def test_readers_hear_what_was_recalled(api: Api, project: Any, agent: str) -> None:
    note = await noted(api, agent, "My favourite colour is teal")
    session = await api.session(project["id"])

    async with aclosing(cast("Any", stream(api, EVENTS, id=session, after="0"))) as events:
        asked = await api.ask(session, "@CodeAssistant What is my favourite colour?", "k")
        heard = await next_of(events, "MemoryRecalled")
    await api.data(FORGET, id=note["id"])
    async with aclosing(cast("Any", stream(api, EVENTS, id=session, after="0"))) as events:
        again = await next_of(events, "MemoryRecalled")

    (citation,) = heard["citations"]
    assert (heard["degraded"], heard["agent"]["handle"]) == (False, "CodeAssistant")
    assert heard["runId"] == asked["run"]["id"]
    assert heard["seconds"] >= 0
    assert (citation["excerpt"], citation["memory"]) == (note["text"], {"text": note["text"]})
    assert [(it["excerpt"], it["memory"]) for it in again["citations"]] == [("", None)]


async def test_what_is_recalled_is_counted(api: Api, project: Any, agent: str) -> None:
    await noted(api, agent, "My favourite colour is teal")
    session = await api.session(project["id"])

    await api.ask(session, "@CodeAssistant What is my favourite colour?", "k")

    page = (await api.http.get("/metrics")).text
    assert "codelab_memories_recalled_total 1.0" in page
    assert "codelab_answers_without_memory_total 0.0" in page
    assert "codelab_memory_points 1.0" in page
    assert 'codelab_memory_index_seconds_count{answered="true",call="upsert"}' in page


async def test_a_deleted_session_takes_what_was_learned_in_it_along(
    api: Api, project: Any, agent: str
) -> None:
    first, second = await api.session(project["id"]), await api.session(project["id"])
    await api.ask(first, "@CodeAssistant My favourite colour is teal", "k1")
    await learned(api, agent, 1)

    await api.data(DELETE_SESSION, id=first)
    asked = await api.ask(second, "@CodeAssistant What is my favourite colour?", "k2")

    assert "teal" not in asked["run"]["answer"]["content"]
    assert asked["run"]["answer"]["citations"] == []
