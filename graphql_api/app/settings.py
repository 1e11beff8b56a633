"""Every setting of the server, with its bounds, unit and default; read from the environment alone."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from graphql_api.app.data_dir import default_data_dir
from graphql_api.app.setting_types import (
    DefaultText,
    DocumentPolicy,
    Environment,
    FilePath,
    Folder,
    Hosts,
    HttpUrl,
    LogLevel,
    Networks,
    Origins,
    PostgresUrl,
    Prices,
    ProcessRole,
    RedisUrl,
    Registration,
    Unit,
)

LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")
WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 they are recognised here, not bound
"""Addresses that mean every interface, and where this machine itself reaches the server then."""
_SECONDS = Unit("seconds")
_CONNECTIONS = Unit("connections")


class Settings(BaseSettings):
    """The settings of one process; immutable once read.

    Each is an environment variable: `CODELAB_` and the field's name in capitals, or the name that the
    field gives. An empty variable counts as not set. The docstrings are the documentation.
    """

    model_config = SettingsConfigDict(
        env_prefix="CODELAB_",
        env_ignore_empty=True,
        frozen=True,
        populate_by_name=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )
    PREFIX: ClassVar[str] = "CODELAB_"

    host: str = "127.0.0.1"
    """Address to listen on. The default is reachable from this machine only; `0.0.0.0` is every interface."""

    port: Annotated[int, Unit("TCP port"), Field(ge=0, le=65_535)] = 8000
    """Port to listen on; 0 takes a free one and prints it."""

    data_dir: Annotated[
        FilePath,
        Folder,
        DefaultText("`$XDG_DATA_HOME/codelab`, else `~/.local/share/codelab`"),
        Field(default_factory=default_data_dir),
    ]
    """Folder of the embedded database and of the secrets made at the first start; for its owner only, used by one
    process at a time."""

    env: Environment = Environment.DEVELOPMENT
    """`development` prints a sign-in link and short log lines; `production` writes JSON logs, keeps cookies and
    browsers to HTTPS, and refuses to start without strong secrets and a list of hosts."""

    process: ProcessRole = ProcessRole.ALL
    """`all` answers requests and runs agents; `api` only answers; `worker` only runs agents. The latter two need
    PostgreSQL and Redis."""

    secret_keys: Annotated[
        SecretStr | None, DefaultText("made once and kept in the data folder; required in production")
    ] = None
    """Keys that sign tokens, as `name:secret,name:secret`: the first signs, all are accepted. To rotate, put a new
    one in front and drop the old one a week later."""

    allowed_hosts: Annotated[Hosts, DefaultText("this machine's own names; required in production")] = ()
    """Host names that requests may address, separated by commas; `*.example.com` is any subdomain. `localhost`,
    `127.0.0.1` and `[::1]` are always allowed."""

    allowed_origins: Origins = ()
    """Origins of foreign web pages that may use the API, separated by commas, such as `https://app.example.com`."""

    trusted_proxies: Networks = ()
    """Addresses or networks of reverse proxies, separated by commas, whose `X-Forwarded-For` and
    `X-Forwarded-Proto` are believed."""

    introspection: Annotated[bool | None, DefaultText("`true` in development, `false` in production")] = None
    """Whether the API tells about its schema: `__schema` and `__type`, suggestions in errors, and
    `/schema.graphql`."""

    documents: DocumentPolicy = DocumentPolicy.ANY
    """`any` document may be run; or only those that are `trusted`, the ones of the manifest."""

    trusted_documents: Annotated[
        FilePath | None, DefaultText("what the build of the dashboard left, if it is there")
    ] = None
    """Manifest of the documents that clients may ask for by the SHA-256 of their text: a JSON file of the format
    `apollo-persisted-query-manifest`, version 1."""

    registration: Registration = Registration.OPEN
    """`open` lets anyone who reaches the server register; `closed` nobody."""

    database_url: Annotated[PostgresUrl | None, DefaultText("SQLite in the data folder")] = None
    """PostgreSQL, as `postgresql+asyncpg://user:password@host/database`."""

    database_pool: Annotated[int, _CONNECTIONS, Field(ge=1, le=100)] = 10
    """Connections to PostgreSQL that are kept open."""

    database_pool_overflow: Annotated[int, _CONNECTIONS, Field(ge=0, le=100)] = 20
    """Further connections to PostgreSQL that are opened under load."""

    redis_url: Annotated[RedisUrl | None, DefaultText("memory of this process")] = None
    """Redis, as `redis://host:6379/0`: what several processes tell each other at once. When it is lost, nothing
    else is."""

    qdrant_url: Annotated[
        HttpUrl | None, DefaultText("embedded: a process of its own; on servers: no memory search")
    ] = None
    """A Qdrant server from 1.19 on, as `http://host:6333`, which finds agents' memories; needs PostgreSQL."""

    qdrant_api_key: Annotated[SecretStr | None, DefaultText("none")] = None
    """Key of the Qdrant server."""

    rate_limit_per_minute: Annotated[int, Unit("requests a minute"), Field(ge=1, le=1_000_000)] = 100
    """What one user may ask on average, and at once; a costly operation counts as several requests."""

    subscriptions_per_user: Annotated[int, Unit("subscriptions"), Field(ge=1, le=1_000_000)] = 2_000
    """How many subscriptions of one user one process runs at once."""

    sockets_per_user: Annotated[int, Unit("WebSockets"), Field(ge=1, le=1_000_000)] = 2_000
    """How many WebSockets of one user one process keeps open."""

    max_body_bytes: Annotated[int, Unit("bytes"), Field(ge=16_384, le=64 * 1024 * 1024)] = 2 * 1024 * 1024
    """The largest request body and WebSocket frame."""

    operation_timeout_seconds: Annotated[float, _SECONDS, Field(ge=35, le=600)] = 60
    """The longest that a query or mutation may take; a message may wait 30 of them for its answer."""

    worker_capacity: Annotated[int, Unit("tasks"), Field(ge=1, le=10_000)] = 100
    """Tasks that this process runs at the same time."""

    task_timeout_seconds: Annotated[float, _SECONDS, Field(ge=1, le=86_400)] = 600
    """The longest that one task may take."""

    history_tokens: Annotated[int, Unit("tokens"), Field(ge=256, le=2_000_000)] = 16_000
    """How much of a conversation a model is given; what is oldest is left out."""

    event_retention_days: Annotated[float, Unit("days"), Field(gt=0, le=36_500)] = 30
    """How long a session's events can be replayed; messages stay."""

    openai_api_key: Annotated[
        SecretStr | None,
        DefaultText("none: the built-in offline model answers"),
        Field(validation_alias="OPENAI_API_KEY"),
    ] = None
    """Key of an OpenAI-compatible endpoint."""

    openai_base_url: Annotated[HttpUrl, Field(validation_alias="OPENAI_BASE_URL")] = (
        "https://api.openai.com/v1"
    )
    """The OpenAI-compatible endpoint: OpenAI, LiteLLM, OpenRouter, vLLM, Ollama."""

    openai_model: Annotated[str, Field(validation_alias="OPENAI_MODEL")] = "gpt-4.1-mini"
    """The model of agents that name none; the name reaches the endpoint unchanged."""

    model_connect_timeout_seconds: Annotated[float, _SECONDS, Field(gt=0, le=600)] = 10
    """The wait for a connection to the endpoint."""

    model_first_token_timeout_seconds: Annotated[float, _SECONDS, Field(gt=0, le=3_600)] = 120
    """The wait for the first token of an answer; models that reason are silent for long."""

    model_chunk_timeout_seconds: Annotated[float, _SECONDS, Field(gt=0, le=3_600)] = 60
    """The wait between two tokens."""

    model_total_timeout_seconds: Annotated[float, _SECONDS, Field(gt=0, le=86_400)] = 540
    """The longest model call, all attempts together."""

    model_max_attempts: Annotated[int, Unit("attempts"), Field(ge=1, le=10)] = 3
    """How often a call is tried in all while nothing has been answered (429, 5xx, no connection)."""

    model_retry_after_cap_seconds: Annotated[float, _SECONDS, Field(ge=0, le=600)] = 30
    """The longest `Retry-After` that is waited for."""

    embedding_model: Annotated[
        str | None, DefaultText("none: agents' memories are compared by their words alone")
    ] = None
    """The endpoint's model that compares meanings, such as `text-embedding-3-small`; needs `OPENAI_API_KEY`.

    After a change, memories move to the new model in the background, and searches go by the one before until then."""

    embedding_dimension: Annotated[int, Unit("numbers"), Field(ge=8, le=4_096)] = 1_536
    """How long that model's vectors are."""

    memory_limit: Annotated[int, Unit("memories"), Field(ge=10, le=10_000_000)] = 1_000_000
    """What one agent may remember; from nine tenths of it on, the least valuable go."""

    memory_review: bool = True
    """Whether the configured model says which older memories a new one contradicts, in the background: one short
    call for each new memory that has older ones near it. Without `OPENAI_API_KEY` rules alone do."""

    memory_rerank: bool = False
    """Whether the configured model orders what was remembered before each answer, within two seconds: one short
    call more for each answer."""

    model_prices: Annotated[
        Prices, DefaultText("the list that comes with CodeLab"), Field(default_factory=dict)
    ]
    """What models cost here, before that list: a JSON object such as
    `{"my-model": {"input_per_million_usd": 0.4, "output_per_million_usd": 1.6}}`."""

    offline_tokens_per_second: Annotated[float, Unit("tokens a second"), Field(ge=0, le=1_000_000)] = 60
    """How fast the offline model speaks; 0 is as fast as possible."""

    log_level: Annotated[LogLevel | None, DefaultText("`warning` in development, `info` in production")] = (
        None
    )
    """The least important log lines that are written: `debug`, `info`, `warning` or `error`."""

    shutdown_seconds: Annotated[float, _SECONDS, Field(ge=0, le=600)] = 10
    """How long a stopping server waits for requests, and then for running tasks."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment; no files."""
        del settings_cls, dotenv_settings, file_secret_settings
        return init_settings, env_settings

    @property
    def production(self) -> bool:
        """Whether this is a deployment that strangers can reach."""
        return self.env is Environment.PRODUCTION

    @property
    def introspects(self) -> bool:
        """Whether the API tells about its schema."""
        return not self.production if self.introspection is None else self.introspection

    @property
    def embedded(self) -> bool:
        """Whether everything is kept in the data folder, by this one process."""
        return self.database_url is None

    @property
    def runs_tasks(self) -> bool:
        """Whether agents run in this process."""
        return self.process is not ProcessRole.API

    @property
    def answers_requests(self) -> bool:
        """Whether this process serves the API."""
        return self.process is not ProcessRole.WORKER

    @property
    def hosts(self) -> tuple[str, ...]:
        """Host names that requests may address."""
        own = () if self.host in WILDCARDS else (_bracketed(self.host),)
        return tuple(dict.fromkeys((*self.allowed_hosts, *LOOPBACK_HOSTS, *own)))

    @property
    def url(self) -> str:
        """Where a browser on this machine reaches the server, without a slash at the end."""
        return f"http://{WILDCARDS.get(self.host, _bracketed(self.host))}:{self.port}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def variable(field_name: str) -> str:
    """The environment variable of a field."""
    alias = Settings.model_fields[field_name].validation_alias
    return alias if isinstance(alias, str) else Settings.PREFIX + field_name.upper()
