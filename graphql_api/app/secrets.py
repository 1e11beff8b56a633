"""The secrets that tokens are signed with: from the settings, or made once and kept with the embedded data."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from domain.identity.signing_keys import KeyRing, SigningKey

SETTING = "CODELAB_SECRET_KEYS"
FILE = "secrets.json"
MIN_SECRET_BYTES = 32
"""As long as the output of HMAC-SHA256 (RFC 7518, section 3.2)."""
MIN_DISTINCT_BYTES = 12
"""Random secrets of 32 characters have more; `aaaa...` and `12341234...` have fewer."""

_KID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_DEFAULT_LIKE = re.compile(
    r"change|default|example|sample|secret|password|passw0rd|qwerty|letmein|insecure|dummy|replace|your[-_ ]?key"
    r"|0123456789|1234567890|abcdefgh",
    re.IGNORECASE,
)
_HOW = (
    f"Set {SETTING} to `name:secret`, for example with a secret from `openssl rand -base64 48`; put a new pair "
    "in front, separated by a comma, to rotate."
)


class SecretsRefused(Exception):
    """The server must not start with these secrets; the message says why and what to do."""


def key_ring(
    setting: str | None, *, data_dir: Path | None, production: bool, randomness: Callable[[int], bytes]
) -> KeyRing:
    """The keys from the setting, else those kept in the data directory, which are made when there are none.

    Args:
        setting: `kid:secret,kid2:secret2`; the first signs, all verify.
        data_dir: Where the embedded data lies; None without it.
        production: Refuse what is weak, looks like a default, or is missing.
        randomness: Gives so many unpredictable bytes.

    Raises:
        SecretsRefused: with the reason, and never with a secret.
    """
    if setting and setting.strip():
        return _parsed(setting, production=production)
    if production or data_dir is None:
        raise SecretsRefused(f"{SETTING} is missing. {_HOW}")
    return _kept(data_dir / FILE, randomness)


def _parsed(setting: str, *, production: bool) -> KeyRing:
    keys = [_pair(number, text) for number, text in enumerate(setting.split(","), start=1)]
    if len({key.kid for key in keys}) < len(keys):
        raise SecretsRefused(f"{SETTING} has two keys of one name. {_HOW}")
    for key in keys:
        if production and (reason := _weakness(key.secret)):
            raise SecretsRefused(f"The secret of {key.kid!r} in {SETTING} {reason}. {_HOW}")
    return keys


def _pair(number: int, text: str) -> SigningKey:
    kid, colon, secret = text.strip().partition(":")
    if not colon or not secret or not _KID.fullmatch(kid):
        raise SecretsRefused(f"Entry {number} of {SETTING} is not `name:secret`. {_HOW}")
    return SigningKey(kid, secret.encode())


def _weakness(secret: bytes) -> str | None:
    if len(secret) < MIN_SECRET_BYTES:
        return f"has {len(secret)} bytes instead of at least {MIN_SECRET_BYTES}"
    if len(set(secret)) < MIN_DISTINCT_BYTES or _DEFAULT_LIKE.search(secret.decode(errors="replace")):
        return "looks like a default or is easy to guess"
    return None


def _kept(path: Path, randomness: Callable[[int], bytes]) -> KeyRing:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(path.with_suffix(".lock")):
            if not path.exists():  # another process may have been first
                _make(path, randomness)
    content = path.read_bytes()
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)
    try:
        keys = [
            SigningKey(key["kid"], base64.b64decode(key["secret"])) for key in json.loads(content)["keys"]
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise _useless(path) from error
    if not keys:
        raise _useless(path)
    return keys


def _useless(path: Path) -> SecretsRefused:
    return SecretsRefused(
        f"{path} holds no keys. Restore it, or delete it to make a new one (everyone signs in again)."
    )


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """One at a time of the processes that share a folder; a lock ends with its process."""
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(path: Path, randomness: Callable[[int], bytes]) -> None:
    key = SigningKey(randomness(4).hex(), randomness(MIN_SECRET_BYTES))
    content = {"keys": [{"kid": key.kid, "secret": base64.b64encode(key.secret).decode()}]}
    _write(path, json.dumps(content, indent=2) + "\n")


def _write(path: Path, text: str) -> None:
    """Write a file that only its owner reads, whole or not at all."""
    unfinished = path.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
