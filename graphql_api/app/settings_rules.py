"""Whether the server may start with the settings that it finds, and if not why, in sentences for its operator."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails

from graphql_api.app.manifest import manifest_file
from graphql_api.app.secrets import SecretsRefused, key_ring
from graphql_api.app.setting_types import DocumentPolicy, ProcessRole
from graphql_api.app.settings import WILDCARDS, Settings, variable

_SERVICE_LINK = re.compile(r"CODELAB_(\w+_)?(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)")
"""What Kubernetes adds to a pod for each Service whose name begins with `codelab`."""
_SERVICE_ADDRESS = re.compile(r"(tcp|udp|sctp)://")
_REASONS = {
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than": "must be less than {lt:g}",
    "less_than_equal": "must be at most {le:g}",
    "enum": "must be {expected}",
    "bool_parsing": "must be `true` or `false`",
    "value_error": "{error}",
    "dict_type": "must be a JSON object",
    "missing": "is missing",
    "extra_forbidden": "is not known",
}
"""Our words for pydantic's types of errors, with its own context to fill them."""


class SettingsRefused(Exception):
    """The server must not start; each problem is one sentence that names the setting."""

    def __init__(self, *problems: str) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


def read_settings() -> Settings:
    """The settings in the environment.

    Raises:
        SettingsRefused: with everything that is wrong with them, at once.
    """
    unknown = list(_unknown(os.environ))
    try:
        settings = Settings()
    except ValidationError as error:
        raise SettingsRefused(*unknown, *map(_sentence, error.errors())) from None
    if problems := [*unknown, *_contradictions(settings)]:
        raise SettingsRefused(*problems)
    return settings


def notices(settings: Settings) -> list[str]:
    """What is allowed and may still not be meant."""
    return list(_doubts(settings))


def _unknown(environ: Mapping[str, str]) -> Iterator[str]:
    known = {variable(name) for name in Settings.model_fields}
    for name, value in sorted(environ.items()):
        if not name.startswith(Settings.PREFIX) or name in known or _of_kubernetes(name, value):
            continue
        close = get_close_matches(name, known, n=1, cutoff=0.75)
        yield f"{name} is not a setting{f'; did you mean {close[0]}?' if close else '.'}"


def _of_kubernetes(name: str, value: str) -> bool:
    return bool(_SERVICE_LINK.fullmatch(name) or _SERVICE_ADDRESS.match(value))


def _sentence(error: ErrorDetails) -> str:
    field, *inside = error["loc"]
    name = variable(str(field)) if field in Settings.model_fields else str(field)
    value, shown = error["input"], ""
    if isinstance(value, str) and _SERVICE_ADDRESS.match(value):
        return f"{name} was set by Kubernetes for a Service of that name: give the pod `enableServiceLinks: false`."
    if isinstance(value, str | int | float) and error["type"] != "value_error":
        shown = f", not {str(value)!r}"
    where = f" at {'.'.join(map(str, inside))}" if inside else ""
    reason = _REASONS.get(error["type"], error["msg"]).format(**error.get("ctx", {}))
    return f"{name}{where} {reason}{shown}."


def _contradictions(settings: Settings) -> Iterator[str]:
    yield from _of_stores(settings)
    if settings.qdrant_url is not None and settings.embedded:
        yield "CODELAB_QDRANT_URL needs CODELAB_DATABASE_URL: the embedded matrix has an index of its own."
    if settings.embedding_model is not None and settings.openai_api_key is None:
        yield "CODELAB_EMBEDDING_MODEL needs OPENAI_API_KEY: without an endpoint memories are compared by words."
    if settings.production and not settings.allowed_hosts:
        yield "CODELAB_ALLOWED_HOSTS is missing: in production, name the hosts that requests may address."
    if settings.documents is DocumentPolicy.TRUSTED and manifest_file(settings) is None:
        yield "CODELAB_DOCUMENTS=trusted needs CODELAB_TRUSTED_DOCUMENTS: without a manifest nothing could be run."
    if settings.production or settings.secret_keys is not None:
        yield from _of_secrets(settings.secret_keys, production=settings.production)


def _of_stores(settings: Settings) -> Iterator[str]:
    role = settings.process
    if role is not ProcessRole.ALL and settings.embedded:
        yield (
            f"CODELAB_PROCESS={role} needs CODELAB_DATABASE_URL: the embedded database serves one process, which "
            "does everything."
        )
    elif role is not ProcessRole.ALL and settings.redis_url is None:
        yield f"CODELAB_PROCESS={role} needs CODELAB_REDIS_URL: without it other processes never hear of its events."
    if settings.redis_url is not None and settings.embedded:
        yield (
            "CODELAB_REDIS_URL needs CODELAB_DATABASE_URL: Redis is for several processes, the embedded database for "
            "one."
        )


def _of_secrets(keys: SecretStr | None, *, production: bool) -> Iterator[str]:
    text = keys.get_secret_value() if keys else None
    try:
        key_ring(text, data_dir=None, production=production, randomness=os.urandom)
    except SecretsRefused as refusal:
        yield str(refusal)


def _doubts(settings: Settings) -> Iterator[str]:
    if not settings.embedded and settings.redis_url is None:
        yield "PostgreSQL without CODELAB_REDIS_URL: run this one process only; others would not hear of its events."
    if settings.host in WILDCARDS and not settings.allowed_hosts:
        yield (
            f"Listening on {settings.host} without CODELAB_ALLOWED_HOSTS: only requests to localhost are answered."
        )
    if "openai_base_url" in settings.model_fields_set and settings.openai_api_key is None:
        yield (
            "OPENAI_BASE_URL without OPENAI_API_KEY: the offline model answers. For an endpoint that asks for no key, "
            "set any."
        )
