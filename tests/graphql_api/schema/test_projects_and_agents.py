"""Projects and agents over GraphQL."""

from tests.graphql_api.schema.api import CREATE_PROJECT, PROBLEM, PROJECT, REASON, Api

AGENT = """
    id name handle role capabilities status isActive version systemPrompt temperature maxTokens concurrencyLimit
    model { provider name } tools { name enabled } queue { waiting waitingLimit running runningLimit }
    statistics { processed failed errorRate meanSeconds p95Seconds lastActiveAt }
    versions { totalCount nodes { version name handle createdAt } } project { id }
"""
CREATE = f"""mutation ($project: ID!, $input: AgentInput!) {{ createAgent(projectId: $project, input: $input) {{
    {PROBLEM} ... on AgentSaved {{ agent {{ {AGENT} }} }} }} }}"""
UPDATE = f"""mutation ($id: ID!, $version: Int!, $input: AgentInput!) {{
    updateAgent(id: $id, expectedVersion: $version, input: $input) {{
        {PROBLEM} ... on AgentSaved {{ agent {{ {AGENT} }} }} }} }}"""
RESTORE = f"""mutation ($id: ID!, $version: Int!) {{ restoreAgentVersion(id: $id, version: $version) {{
    {PROBLEM} ... on AgentSaved {{ agent {{ {AGENT} }} }} }} }}"""
DELETE_AGENT = f"""mutation ($id: ID!) {{ deleteAgent(id: $id) {{
    {REASON} ... on Deleted {{ id cancelledTasks }} }} }}"""
UPDATE_PROJECT = f"""mutation ($id: ID!, $input: ProjectInput!) {{ updateProject(id: $id, input: $input) {{
    {PROBLEM} ... on ProjectSaved {{ project {{ {PROJECT} }} }} }} }}"""
DELETE_PROJECT = f"""mutation ($id: ID!) {{ deleteProject(id: $id) {{
    {REASON} ... on Deleted {{ id cancelledTasks }} }} }}"""
CONFIGURE = f"""mutation ($id: ID!, $input: OrchestratorInput!) {{ configureOrchestrator(projectId: $id, input: $input) {{
    {PROBLEM} ... on OrchestratorConfigured {{ orchestrator {{ prompt maxTasks approveFromCost model {{ name }} }} }} }} }}"""


async def test_a_project_comes_with_its_starter_pack(api: Api) -> None:
    project = await api.project("Work")

    assert [agent["handle"] for agent in project["agents"]["nodes"]] == [
        "CodeAssistant",
        "DataAnalyst",
        "DocumentWriter",
    ]
    assert {agent["status"] for agent in project["agents"]["nodes"]} == {"READY"}
    assert project["agents"]["nodes"][0]["queue"] == {
        "waiting": 0,
        "waitingLimit": 100,
        "running": 0,
        "runningLimit": 3,
    }


async def test_a_project_s_name_is_unique_for_its_owner(api: Api, nobody: Api) -> None:
    await api.project("Work")

    again = await api.data(CREATE_PROJECT, input={"name": "work"})
    other = await (await nobody.signed_up("eve@example.com")).project("Work")

    assert again["__typename"] == "Conflict"
    assert other["name"] == "Work"


async def test_a_project_is_renamed_and_its_path_set_and_removed(api: Api) -> None:
    project = await api.project("Work")

    renamed = await api.data(
        UPDATE_PROJECT, id=project["id"], input={"name": "Play", "workspacePath": "/src"}
    )
    cleared = await api.data(UPDATE_PROJECT, id=project["id"], input={"workspacePath": None})

    assert (renamed["project"]["name"], renamed["project"]["workspacePath"]) == ("Play", "/src")
    assert (cleared["project"]["name"], cleared["project"]["workspacePath"]) == ("Play", None)


async def test_a_deleted_project_is_gone_at_once_with_all_in_it(api: Api) -> None:
    project = await api.project("Work")
    session = await api.session(project["id"])

    deleted = await api.data(DELETE_PROJECT, id=project["id"])

    assert deleted == {"__typename": "Deleted", "id": project["id"], "cancelledTasks": 0}
    assert await api.data("query ($id: ID!) { project(id: $id) { id } }", id=project["id"]) is None
    assert await api.data("query ($id: ID!) { session(id: $id) { id } }", id=session) is None
    agent = project["agents"]["nodes"][0]["id"]
    assert await api.data("query ($id: ID!) { agent(id: $id) { id } }", id=agent) is None
    assert (await api.data(DELETE_PROJECT, id=project["id"]))["__typename"] == "NotFound"


async def test_the_orchestrator_keeps_what_was_configured(api: Api) -> None:
    project = await api.project()

    configured = await api.data(
        CONFIGURE,
        id=project["id"],
        input={
            "prompt": "Be brief.",
            "maxTasks": 5,
            "approveFromCost": 5_000_000,
            "model": {"provider": "openai", "name": "m"},
        },
    )
    refused = await api.data(CONFIGURE, id=project["id"], input={"maxTasks": 0})

    assert configured["orchestrator"] == {
        "prompt": "Be brief.",
        "maxTasks": 5,
        "approveFromCost": 5_000_000,
        "model": {"name": "m"},
    }
    assert refused["__typename"] == "Invalid"


async def test_projects_are_paged(api: Api) -> None:
    for name in ("A", "B", "C"):
        await api.project(name)
    query = """query ($first: Int, $after: String) { me { projects(first: $first, after: $after) {
        totalCount nodes { name } edges { cursor node { name } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }"""

    first = (await api.data(query, first=2))["projects"]
    rest = (await api.data(query, first=2, after=first["pageInfo"]["endCursor"]))["projects"]

    assert [node["name"] for node in first["nodes"] + rest["nodes"]] == ["A", "B", "C"]
    assert first["pageInfo"]["hasNextPage"]
    assert not rest["pageInfo"]["hasNextPage"]
    assert first["totalCount"] == rest["totalCount"] == 3
    assert await api.code(query, first=101) == "INVALID"
    assert await api.code(query, after="garbage") == "INVALID"


async def test_an_agent_is_created_with_a_derived_handle(api: Api) -> None:
    project = await api.project()

    saved = await api.data(
        CREATE, project=project["id"], input={"name": "Мой кодер", "capabilities": ["код"]}
    )

    agent = saved["agent"]
    assert (agent["name"], agent["handle"], agent["version"]) == ("Мой кодер", "Мой_кодер", 1)
    assert agent["project"]["id"] == project["id"]
    found = await api.data(
        "query ($id: ID!, $h: String!) { project(id: $id) { agentByHandle(handle: $h) { id } } }",
        id=project["id"],
        h="@мой_КОДЕР",
    )
    assert found["agentByHandle"]["id"] == agent["id"]


async def test_an_unknown_or_malformed_handle_finds_nobody(api: Api) -> None:
    project = await api.project()
    query = "query ($id: ID!, $h: String!) { project(id: $id) { agentByHandle(handle: $h) { id } } }"

    for handle in ("nobody", "", "no body", "@" * 50):
        assert (await api.data(query, id=project["id"], h=handle))["agentByHandle"] is None


async def test_bad_settings_are_named_field_by_field(api: Api) -> None:
    project = await api.project()

    refused = await api.data(
        CREATE, project=project["id"], input={"name": " ", "temperature": 9, "concurrencyLimit": 11}
    )

    assert refused["__typename"] == "Invalid"
    assert sorted(field["path"][0] for field in refused["fields"]) == [
        "concurrencyLimit",
        "name",
        "temperature",
    ]


async def test_an_edit_makes_a_version_and_a_stale_one_conflicts(api: Api) -> None:
    agent = (await api.project())["agents"]["nodes"][0]

    edited = await api.data(UPDATE, id=agent["id"], version=1, input={"systemPrompt": "New.", "tools": []})
    stale = await api.data(UPDATE, id=agent["id"], version=1, input={"systemPrompt": "Older."})
    restored = await api.data(RESTORE, id=agent["id"], version=1)

    assert (edited["agent"]["version"], edited["agent"]["systemPrompt"]) == (2, "New.")
    assert stale["__typename"] == "Conflict"
    assert restored["agent"]["version"] == 3
    assert restored["agent"]["systemPrompt"] != "New."
    assert [v["version"] for v in restored["agent"]["versions"]["nodes"]] == [3, 2, 1]
    assert (await api.data(RESTORE, id=agent["id"], version=9))["__typename"] == "NotFound"


async def test_a_taken_handle_conflicts(api: Api) -> None:
    project = await api.project()

    again = await api.data(CREATE, project=project["id"], input={"name": "x", "handle": "codeassistant"})

    assert again["__typename"] == "Conflict"


async def test_a_deleted_agent_is_gone_and_its_messages_stay(api: Api) -> None:
    project = await api.project()
    agent = project["agents"]["nodes"][0]
    session = await api.session(project["id"])
    sent = await api.ask(session, "@CodeAssistant what is 1+1", "k")

    assert (await api.data(DELETE_AGENT, id=agent["id"]))["cancelledTasks"] == 0

    assert await api.data("query ($id: ID!) { agent(id: $id) { id } }", id=agent["id"]) is None
    run = await api.data(
        "query ($id: ID!) { run(id: $id) { agent { handle agent { id } } answer { agent { name agent { id } } } } }",
        id=sent["run"]["id"],
    )
    assert run["agent"] == {"handle": "CodeAssistant", "agent": None}
    assert run["answer"]["agent"]["agent"] is None
    assert (await api.data(DELETE_AGENT, id=agent["id"]))["__typename"] == "NotFound"


async def test_statistics_count_what_an_agent_did(api: Api) -> None:
    project = await api.project()
    session = await api.session(project["id"])
    await api.ask(session, "@CodeAssistant what is 1+1", "k")

    agent = await api.data(
        f"query ($id: ID!) {{ agent(id: $id) {{ {AGENT} }} }}", id=project["agents"]["nodes"][0]["id"]
    )

    assert (agent["statistics"]["processed"], agent["statistics"]["failed"]) == (1, 0)
    assert agent["statistics"]["errorRate"] == 0
    assert agent["statistics"]["lastActiveAt"] is not None
