"""The kinds of values that settings have: how each is read from text, and what it may be."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_settings import NoDecode

_HOST = re.compile(r"(\*\.)?([a-z0-9_]([a-z0-9_.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(:\d{1,5})?", re.IGNORECASE)
_POSTGRES = {"postgresql+asyncpg", "postgresql", "postgres"}


class Environment(StrEnum):
    """What the deployment is for."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class ProcessRole(StrEnum):
    """What this process does."""

    ALL = "all"
    API = "api"
    WORKER = "worker"


class Registration(StrEnum):
    """Whether strangers may make an account."""

    OPEN = "open"
    CLOSED = "closed"


class DocumentPolicy(StrEnum):
    """Which documents may be run."""

    ANY = "any"
    TRUSTED = "trusted"


class LogLevel(StrEnum):
    """The least important lines that are still written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Unit:
    """What a number counts."""

    name: str


@dataclass(frozen=True, slots=True)
class DefaultText:
    """How a default is described that depends on something else."""

    text: str


class ModelPrice(BaseModel):
    """What a deployment pays for one model, in USD per million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input_per_million_usd: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    output_per_million_usd: Annotated[float, Field(ge=0, allow_inf_nan=False)]


def _split(value: object) -> object:
    return tuple(it.strip() for it in value.split(",") if it.strip()) if isinstance(value, str) else value


def _json(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise ValueError("must be a JSON object") from error


def _hosts(hosts: tuple[str, ...]) -> tuple[str, ...]:
    for host in hosts:
        if not _HOST.fullmatch(host):
            raise ValueError(
                f"has {host!r}, which is no host such as `codelab.example.com` (no scheme, no path, no bare `*`)"
            )
    return hosts


def _origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    for origin in origins:
        parts = urlsplit(origin)
        known = parts.scheme in {"http", "https"} and parts.hostname
        if not known or "*" in origin or parts.path.strip("/"):
            raise ValueError(f"has {origin!r}, which is no origin such as `https://codelab.example.com`")
    return origins


def _networks(networks: tuple[str, ...]) -> tuple[str, ...]:
    for network in networks:
        try:
            ipaddress.ip_network(network)
        except ValueError:
            raise ValueError(
                f"has {network!r}, which is no IP address or network such as `10.0.0.0/8`"
            ) from None
    return networks


def _postgres(url: SecretStr) -> SecretStr:
    scheme, _, rest = url.get_secret_value().partition("://")
    if scheme not in _POSTGRES or not rest:
        raise ValueError(
            "must look like `postgresql+asyncpg://user:password@host/database`; leave it out for SQLite"
        )
    return SecretStr(f"postgresql+asyncpg://{rest}")


def _redis(url: SecretStr) -> SecretStr:
    scheme, _, rest = url.get_secret_value().partition("://")
    if scheme not in {"redis", "rediss"} or not rest:
        raise ValueError("must look like `redis://host:6379/0`, or `rediss://host:6379/0` for TLS")
    return url


def _http(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an http or https URL such as `https://api.openai.com/v1`")
    return url.rstrip("/")


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


Folder = Annotated[Path, AfterValidator(_absolute)]
FilePath = Annotated[Path, AfterValidator(_absolute)]
Listed = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Hosts = Annotated[Listed, AfterValidator(_hosts)]
Origins = Annotated[Listed, AfterValidator(_origins)]
Networks = Annotated[Listed, AfterValidator(_networks)]
PostgresUrl = Annotated[SecretStr, AfterValidator(_postgres)]
RedisUrl = Annotated[SecretStr, AfterValidator(_redis)]
HttpUrl = Annotated[str, AfterValidator(_http)]
Prices = Annotated[Mapping[str, ModelPrice], NoDecode, BeforeValidator(_json)]
