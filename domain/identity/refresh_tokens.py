"""Refresh tokens: how one is made, what follows from it, and how an old one is recognised.

A token is `user id | sign-in id | 32 secret bytes | 16 bytes of MAC`, in URL-safe base64. Storage holds only
the SHA-256 of the present token and of the one before it.

The first secret of a family is random. Each later one is HMAC(server key, presented token): whoever presents
the same token gets the same successor, so that it can be given out a second time (two tabs, a lost response)
without ever being stored, and two rotations at once agree without talking to each other. A thief of one token
can't compute its successors without the server's key; a thief of the database has hashes only.

The MAC is never needed to accept a token (its hash decides, so that retiring a key logs nobody out). It
proves that a token which is not known any more was once issued: that is reuse, and its family is revoked.
An invented token proves nothing and changes nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterator
from uuid import UUID

from domain.identity.entities import SignInKey
from domain.identity.ports import Randomness
from domain.identity.signing_keys import KeyRing

SECRET_BYTES = 32
MAC_BYTES = 16
_KEY_BYTES = 32
_TOKEN_BYTES = _KEY_BYTES + SECRET_BYTES + MAC_BYTES
TOKEN_LENGTH = (_TOKEN_BYTES * 4 + 2) // 3
"""Characters of a token."""


class RefreshTokens:
    """Makes refresh tokens with a ring of server keys."""

    def __init__(self, keys: KeyRing, *, randomness: Randomness) -> None:
        self._randomness = randomness
        self._keys = [
            (_hmac(key.secret, b"codelab refresh successor"), _hmac(key.secret, b"codelab refresh mac"))
            for key in keys
        ]

    def first(self, key: SignInKey) -> str:
        """The first token of a family."""
        return self._seal(key, self._randomness(SECRET_BYTES), self._keys[0][1])

    def successors(self, key: SignInKey, token: str) -> Iterator[str]:
        """What may follow a token: the first is the one to issue, the others come from older server keys."""
        for successor_key, mac_key in self._keys:
            yield self._seal(key, _hmac(successor_key, token.encode()), mac_key)

    def recognise(self, token: str) -> SignInKey | None:
        """The family that a token was once issued for; None for one that was not, or by a key that is gone."""
        content = _decoded(token)
        if content is None:
            return None
        body, mac = content[:-MAC_BYTES], content[-MAC_BYTES:]
        if not any(hmac.compare_digest(_mac(mac_key, body), mac) for _, mac_key in self._keys):
            return None
        return SignInKey(UUID(bytes=body[:16]), UUID(bytes=body[16:_KEY_BYTES]))

    @staticmethod
    def _seal(key: SignInKey, secret: bytes, mac_key: bytes) -> str:
        body = key.user_id.bytes + key.sign_in_id.bytes + secret
        return _encoded(body + _mac(mac_key, body))


def token_hash(token: str) -> str:
    """What is stored of a token: 256 random bits need no salt and no slow hash."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decoded(token: str) -> bytes | None:
    """The content of a token; None unless the token is exactly how the content is written."""
    if len(token) != TOKEN_LENGTH:
        return None
    try:
        content = base64.b64decode(token + "=" * (-TOKEN_LENGTH % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return content if _encoded(content) == token else None


def _mac(key: bytes, body: bytes) -> bytes:
    return _hmac(key, body)[:MAC_BYTES]


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()
