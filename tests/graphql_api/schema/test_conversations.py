"""Sessions, messages and runs over GraphQL, their bad inputs too."""

import asyncio
from typing import Any

from tests.graphql_api.schema.api import CREATE_SESSION, MESSAGE, PROBLEM, REASON, SEND, SENT, Api

HISTORY = f"""query ($id: ID!, $leaf: ID, $first: Int, $after: String, $last: Int, $before: String) {{ session(id: $id) {{
    title cursor head {{ id }} project {{ name }} availableAgents {{ handle }}
    messages(leaf: $leaf, first: $first, after: $after, last: $last, before: $before) {{
        totalCount pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }}
        nodes {{ {MESSAGE} parent {{ id }} siblings {{ id }} run {{ id }} }} }} }} }}"""
EDIT = f"""mutation ($id: ID!, $content: String!, $key: String!) {{
    editMessage(messageId: $id, content: $content, idempotencyKey: $key) {{ {PROBLEM} {SENT} }} }}"""
RETRY = f"""mutation ($id: ID!, $key: String!) {{ retryRun(runId: $id, idempotencyKey: $key) {{ {PROBLEM} {SENT} }} }}"""
STOP = f"mutation ($id: ID!) {{ stopRun(runId: $id) {{ {REASON} ... on RunStopped {{ run {{ status problem answer {{ status content }} }} }} }} }}"
RENAME = f"mutation ($id: ID!, $title: String!) {{ renameSession(id: $id, title: $title) {{ {PROBLEM} ... on SessionSaved {{ session {{ title }} }} }} }}"
DELETE_SESSION = (
    f"mutation ($id: ID!) {{ deleteSession(id: $id) {{ {REASON} ... on Deleted {{ id cancelledTasks }} }} }}"
)
DELETE_MESSAGE = f"mutation ($id: ID!) {{ deleteMessage(messageId: $id) {{ {REASON} ... on Deleted {{ id cancelledTasks }} }} }}"


async def opened(api: Api) -> tuple[dict[str, Any], str]:
    project = await api.project()
    return project, await api.session(project["id"])


async def ended(api: Api, run_id: str) -> dict[str, Any]:
    query = f"query ($id: ID!) {{ run(id: $id) {{ status problem answer {{ {MESSAGE} }} }} }}"
    async with asyncio.timeout(60):
        while (run := await api.data(query, id=run_id))["status"] in {"QUEUED", "RUNNING"}:
            await asyncio.sleep(0.01)
    answer: dict[str, Any] = run
    return answer


async def test_an_answer_says_who_how_and_for_how_much(api: Api) -> None:
    _, session = await opened(api)

    sent = await api.ask(session, "@CodeAssistant what is 2+2", "k")

    run = sent["run"]
    assert (run["mode"], run["status"], run["problem"]) == ("DIRECT", "SUCCEEDED", None)
    assert run["agent"] == {"handle": "CodeAssistant", "version": 1}
    answer = run["answer"]
    assert "4" in answer["content"]
    assert (answer["author"], answer["status"], answer["model"]) == ("AGENT", "COMPLETE", "offline-1")
    assert answer["usage"]["outputTokens"] > 0
    assert answer["usage"]["cost"] == 0
    assert answer["usage"]["modelCalls"] == 1
    assert run["startedAt"]
    assert run["finishedAt"]
    assert run["session"]["id"] == session


async def test_the_best_agent_answers_who_was_not_named(api: Api) -> None:
    _, session = await opened(api)

    sent = await api.ask(session, "draw a chart of this data", "k")

    assert sent["run"]["mode"] == "AUTO"
    assert sent["run"]["agent"]["handle"] == "DataAnalyst"
    assert 0 < sent["run"]["confidence"] <= 1
    assert sent["run"]["reason"]


async def test_an_explicit_target_wins_over_a_leading_handle(api: Api) -> None:
    project, session = await opened(api)
    writer = project["agents"]["nodes"][2]["id"]

    by_id = await api.ask(session, "@CodeAssistant hello", "k1", targetAgent=writer)
    by_handle = await api.ask(session, "hello", "k2", targetAgent="@dataanalyst")

    assert by_id["run"]["agent"]["handle"] == "DocumentWriter"
    assert by_handle["run"]["agent"]["handle"] == "DataAnalyst"


async def test_an_unknown_handle_is_answered_with_those_there_are(api: Api) -> None:
    _, session = await opened(api)

    answer = await api.data(SEND, session=session, input={"content": "@nobody hi", "idempotencyKey": "k"})

    assert answer["__typename"] == "NotFound"
    assert "@CodeAssistant, @DataAnalyst, @DocumentWriter" in answer["problem"]


async def test_bad_messages_change_nothing(api: Api) -> None:
    _, session = await opened(api)
    before = await api.data(HISTORY, id=session)

    for bad, path in (
        ({"content": "  ", "idempotencyKey": "k"}, "content"),
        ({"content": "x" * 100_001, "idempotencyKey": "k"}, "content"),
        ({"content": "a\0b", "idempotencyKey": "k"}, "content"),
        ({"content": "x", "idempotencyKey": ""}, "idempotencyKey"),
    ):
        answer = await api.data(SEND, session=session, input=bad)
        assert (answer["__typename"], answer["fields"][0]["path"]) == ("Invalid", [path])
    late = await api.data(SEND, session=session, input={"content": "x", "idempotencyKey": "k"}, wait=31)
    lost = await api.data(
        SEND, session=session, input={"content": "x", "idempotencyKey": "k", "parentId": "msg_x"}
    )

    assert late["fields"][0]["path"] == ["waitSeconds"]
    assert lost["__typename"] == "NotFound"
    assert await api.data(HISTORY, id=session) == before


async def test_the_same_key_returns_the_same_run_and_other_input_conflicts(api: Api) -> None:
    project, session = await opened(api)

    first = await api.ask(session, "@CodeAssistant what is 1+1", "k")
    again = await api.ask(session, "@CodeAssistant what is 1+1", "k")
    other = await api.data(SEND, session=session, input={"content": "else", "idempotencyKey": "k"})

    assert again["run"]["id"] == first["run"]["id"]
    assert other["__typename"] == "Conflict"
    one = await api.data(CREATE_SESSION, project=project["id"], title="T", key="s")
    two = await api.data(CREATE_SESSION, project=project["id"], title="T", key="s")
    three = await api.data(CREATE_SESSION, project=project["id"], title="U", key="s")
    assert one["session"]["id"] == two["session"]["id"]
    assert three["__typename"] == "Conflict"


async def test_history_pages_both_ways_along_the_branch(api: Api) -> None:
    _, session = await opened(api)
    for n in range(3):
        await api.ask(session, f"@CodeAssistant what is {n}+1", f"k{n}")

    whole = (await api.data(HISTORY, id=session))["messages"]
    last = (await api.data(HISTORY, id=session, last=2))["messages"]
    before = (await api.data(HISTORY, id=session, last=2, before=last["pageInfo"]["startCursor"]))["messages"]
    first = (await api.data(HISTORY, id=session, first=4))["messages"]
    after = (await api.data(HISTORY, id=session, first=4, after=first["pageInfo"]["endCursor"]))["messages"]

    ids = [node["id"] for node in whole["nodes"]]
    assert len(ids) == whole["totalCount"] == 6
    assert [node["id"] for node in before["nodes"] + last["nodes"]] == ids[2:]
    assert [node["id"] for node in first["nodes"] + after["nodes"]] == ids
    assert [node["parent"] and node["parent"]["id"] for node in whole["nodes"]] == [None, *ids[:-1]]
    assert last["pageInfo"]["hasPreviousPage"]
    assert not last["pageInfo"]["hasNextPage"]


async def test_an_edit_is_a_sibling_and_becomes_the_head(api: Api) -> None:
    _, session = await opened(api)
    sent = await api.ask(session, "@CodeAssistant what is 1+1", "k1")

    edited = await api.data(EDIT, id=sent["message"]["id"], content="what is 5+5", key="k2")
    run = await ended(api, edited["run"]["id"])

    assert "10" in run["answer"]["content"]
    assert run["answer"]["agent"]["handle"] == "CodeAssistant"
    history = await api.data(HISTORY, id=session)
    assert history["head"]["id"] == run["answer"]["id"]
    question = history["messages"]["nodes"][0]
    assert {it["id"] for it in question["siblings"]} == {sent["message"]["id"], edited["message"]["id"]}
    old = await api.data(HISTORY, id=session, leaf=sent["run"]["answer"]["id"])
    assert old["messages"]["nodes"][0]["id"] == sent["message"]["id"]
    refused = await api.data(EDIT, id=run["answer"]["id"], content="mine now", key="k3")
    assert refused["__typename"] == "Invalid"


async def test_a_retry_answers_the_same_question_again(api: Api) -> None:
    _, session = await opened(api)
    sent = await api.ask(session, "@CodeAssistant what is 1+1", "k1")

    again = await api.data(RETRY, id=sent["run"]["id"], key="k2")
    run = await ended(api, again["run"]["id"])

    assert run["status"] == "SUCCEEDED"
    assert again["message"]["id"] == sent["message"]["id"]
    history = await api.data(HISTORY, id=session)
    assert len(history["messages"]["nodes"][1]["siblings"]) == 2
    runs = await api.data(
        "query ($id: ID!, $s: RunStatus) { session(id: $id) { runs(status: $s) { totalCount nodes { id } } } }",
        id=session,
        s="SUCCEEDED",
    )
    assert [it["id"] for it in runs["runs"]["nodes"]] == [again["run"]["id"], sent["run"]["id"]]


async def test_stopping_a_run_that_has_ended_changes_nothing(api: Api) -> None:
    _, session = await opened(api)
    sent = await api.ask(session, "@CodeAssistant what is 1+1", "k1")

    stopped = await api.data(STOP, id=sent["run"]["id"])

    assert stopped["run"]["status"] == "SUCCEEDED"
    assert (await api.data(STOP, id="run_unknown"))["__typename"] == "NotFound"


async def test_a_session_is_renamed_searched_and_deleted(api: Api) -> None:
    project, session = await opened(api)
    search = "query ($id: ID!, $s: String) { project(id: $id) { sessions(search: $s) { totalCount nodes { id title } } } }"

    renamed = await api.data(RENAME, id=session, title="  Отчёт за май ")
    found = await api.data(search, id=project["id"], s="отчёт")
    missed = await api.data(search, id=project["id"], s="июнь")
    refused = await api.data(RENAME, id=session, title=" ")
    deleted = await api.data(DELETE_SESSION, id=session)

    assert renamed["session"]["title"] == "Отчёт за май"
    assert [it["id"] for it in found["sessions"]["nodes"]] == [session]
    assert missed["sessions"]["totalCount"] == 0
    assert refused["fields"][0]["path"] == ["title"]
    assert deleted["cancelledTasks"] == 0
    assert await api.data(HISTORY, id=session) is None
    assert (await api.data(DELETE_SESSION, id=session))["__typename"] == "NotFound"


async def test_a_message_is_deleted_with_everything_below_it(api: Api) -> None:
    _, session = await opened(api)
    first = await api.ask(session, "@CodeAssistant what is 1+1", "k1")
    second = await api.ask(session, "@CodeAssistant what is 2+2", "k2")

    deleted = await api.data(DELETE_MESSAGE, id=second["message"]["id"])

    assert deleted["__typename"] == "Deleted"
    history = await api.data(HISTORY, id=session)
    assert history["head"]["id"] == first["run"]["answer"]["id"]
    assert history["messages"]["totalCount"] == 2
    assert await api.data("query ($id: ID!) { run(id: $id) { id } }", id=second["run"]["id"]) is None
    assert (await api.data(DELETE_MESSAGE, id=second["message"]["id"]))["__typename"] == "NotFound"


async def test_the_first_page_of_an_empty_session_is_empty(api: Api) -> None:
    _, session = await opened(api)

    history = await api.data(HISTORY, id=session)

    assert history["head"] is None
    assert history["messages"]["nodes"] == []
    assert history["cursor"] == "0"
    assert len(history["availableAgents"]) == 3
