"""Bytes that nobody meant: never a 500, never a dead server, and siblings go on."""

import asyncio
import json

import httpx
import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from tests.graphql_api.transport.serving import Served

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
queries = st.sampled_from(
    [
        "{ me }",
        "{ echo(value: 1) }",
        "query($v: JSON!) { echo(value: $v) }",
        "query($v: Nested!) { nested(value: $v) }",
        "query($v: Int!) { square(of: $v) }",
        "subscription { count(to: 2) }",
        'subscription { breaks(how: "slow") }',
        "mutation { signIn }",
        "{ __schema { types { name fields { name } } } }",
    ]
) | st.text(alphabet='{}()[]$:!@."#,= \nabquerymutation...0-9\\é\u2028', max_size=60)
parameters = st.fixed_dictionaries(
    {"query": queries | json_values},
    optional={
        "variables": st.dictionaries(st.just("v"), json_values, max_size=1) | json_values,
        "operationName": st.none() | json_values,
        "extensions": json_values,
    },
)
bodies = st.binary(max_size=100) | st.builds(lambda it: json.dumps(it).encode(), json_values | parameters)
headers = st.fixed_dictionaries(
    {
        "content-type": st.sampled_from(
            ["application/json", "application/json", "application/json; charset=utf-8", "text/plain"]
        )
    },
    optional={
        "accept": st.sampled_from(["*/*", "application/graphql-response+json", "text/event-stream", ";q=,*"])
        | st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20),
        "authorization": st.sampled_from(["Bearer alice", "Bearer mallory"])
        | st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20),
        "origin": st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20),
        "last-event-id": st.text(st.characters(min_codepoint=48, max_codepoint=57), min_size=1, max_size=5),
        "cookie": st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=30),
    },
)
kinds = st.sampled_from(["connection_init", "ping", "pong", "subscribe", "complete", "next", "error"])
messages = st.fixed_dictionaries(
    {"type": kinds | json_values},
    optional={"id": st.sampled_from(["1", "2", "3"]) | json_values, "payload": parameters | json_values},
)
frames = st.text(max_size=50) | st.binary(max_size=50) | st.builds(json.dumps, messages | json_values)
many = settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@many
@given(body=bodies, its_headers=headers)
async def test_no_body_makes_a_500(served: Served, body: bytes, its_headers: dict[str, str]) -> None:
    response = await served.http.post(served.url, content=body, headers=its_headers)

    assert response.status_code < 500
    if "json" in response.headers["content-type"]:
        assert isinstance(orjson.loads(response.content), dict)
    else:
        assert response.headers["content-type"].startswith("text/event-stream")


@many
@given(
    params=st.dictionaries(
        st.sampled_from(["query", "variables", "operationName", "extensions", "x"]),
        queries | st.text(max_size=20),
    ),
    its_headers=headers,
)
async def test_no_query_string_makes_a_500(
    served: Served, params: dict[str, str], its_headers: dict[str, str]
) -> None:
    response = await served.http.get(served.url, params=params, headers=its_headers)

    assert response.status_code < 500


@many
@given(sent=st.lists(frames, max_size=8), initialised=st.booleans())
async def test_no_frame_harms_the_server_or_another_socket(
    served: Served, sent: list[str | bytes], initialised: bool
) -> None:
    async with served.connect() as socket:
        try:
            if initialised:
                await socket.send('{"type":"connection_init"}')
            for frame in sent:
                await socket.send(frame)
            await socket.send('{"type":"ping"}')
            async with asyncio.timeout(60):
                while json.loads(await socket.recv())["type"] != "pong":
                    pass
        except ConnectionClosed:
            assert socket.close_code in {4400, 4401, 4403, 4408, 4409, 4429}
            assert socket.close_reason

    assert (await served.http.post(served.url, json={"query": "{ me }"})).status_code == 200


async def test_bytes_that_are_no_http_harm_nobody(served: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(b"\x16\x03\x01\x00\xff nonsense\r\n\r\n")
    async with asyncio.timeout(60):
        await reader.read()
    writer.close()

    response: httpx.Response = await served.http.post(served.url, json={"query": "{ me }"})

    assert response.status_code == 200
