"""Clients for test servers, and tokens such as a server would issue."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import jwt

from codelab_client import Client, Tokens
from codelab_client.sign_in import TokenListener
from domain.identity.entities import Principal
from domain.identity.signing_keys import SigningKey
from integrations.tokens import JwtAccessTokens

PASSWORD = "correct horse"
_SECRET = "kT9wq2ZrX4vB7nLm1pQe8sYd6fGh3jUa"
SECRETS = f"tests:{_SECRET}"
LONG_QUESTION = "@CodeAssistant what can you do?"
"""Has an answer of about a hundred words."""


def client_of(url: str, *, tokens: Tokens | None = None, on_tokens: TokenListener | None = None) -> Client:
    """A client that uses no proxy of the environment."""
    return Client(url, tokens=tokens, on_tokens=on_tokens, trust_env=False)


def expiring(tokens: Tokens, *, after_s: float) -> Tokens:
    """The same sign-in with an access token that ends earlier, which nobody is told."""
    claims = jwt.decode(tokens.access_token, options={"verify_signature": False})
    now = datetime.now(UTC)
    principal = Principal(UUID(claims["sub"]), UUID(claims["sid"]), now + timedelta(seconds=after_s))
    issuer = JwtAccessTokens((SigningKey("tests", _SECRET.encode()),), clock=lambda: now)
    token = issuer.issue(principal, issued_at=now - timedelta(minutes=30))
    return Tokens(token, None, tokens.refresh_token, tokens.refresh_expires_at)
