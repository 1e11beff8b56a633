"""People on the product, whose sessions the npm clients follow."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import httpx

from domain.identity.signing_keys import SigningKey
from graphql_api.app.stores import utc_now
from integrations.tokens import JwtAccessTokens
from tests.processes import CodelabProcess
from tests.resume.api import Api

KEY = SigningKey("matrix", b"a key of the protocol matrices alone")
SETTINGS = {
    "CODELAB_SECRET_KEYS": f"{KEY.kid}:{KEY.secret.decode()}",
    "CODELAB_OFFLINE_TOKENS_PER_SECOND": "0",
    "CODELAB_RATE_LIMIT_PER_MINUTE": "1000000",
}
LIVE_ONLY = {"MessageDelta", "Heartbeat"}
EVENTS = """subscription Events($session: ID!, $after: Cursor) {
  sessionEvents(sessionId: $session, after: $after) { __typename cursor } }"""


class Person:
    """Someone who is signed in and has one session on a server."""

    def __init__(self, server: CodelabProcess, api: Api, session_id: str) -> None:
        self.server = server
        self.session_id = session_id
        self._api = api

    @property
    def token(self) -> str:
        """The access token."""
        return self._api.token

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"{self.server.url}/graphql"

    async def rename(self, title: str) -> None:
        """Make one fact."""
        await self._api.rename(self.server.url, self.session_id, title)

    async def log_out(self) -> None:
        """End the sign-in behind the token."""
        headers = {"Authorization": f"Bearer {self.token}"}
        query = {"query": "mutation { logOut { __typename } }"}
        answer = await self._api.http.post(self.url, json=query, headers=headers)
        assert answer.json() == {"data": {"logOut": {"__typename": "LoggedOut"}}}

    def expiring(self, after: timedelta) -> str:
        """A token of the same sign-in that is soon over."""
        tokens, now = JwtAccessTokens([KEY], clock=utc_now), utc_now()
        return tokens.issue(replace(tokens.read(self.token), expires_at=now + after), issued_at=now)

    async def with_another_session(self) -> Person:
        """The same one in a session of which nobody knows."""
        return Person(self.server, self._api, await self._api.session(self.server.url))


async def person(http: httpx.AsyncClient, server: CodelabProcess) -> Person:
    """Someone new; few may register in a minute."""
    api = await Api.registered(http, server.url)
    return Person(server, api, await api.session(server.url))
