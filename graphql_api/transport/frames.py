"""The messages of graphql-transport-ws, as they are read and written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from graphql_api.transport.errors import FormattedError

PROTOCOL = "graphql-transport-ws"

CONNECTION_ACK = '{"type":"connection_ack"}'
PING = '{"type":"ping"}'


class Malformed(Exception):
    """A frame that is no message of the protocol; the argument says why."""


@dataclass(frozen=True, slots=True)
class ConnectionInit:
    """The first message of a client, with its credentials."""

    payload: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Ping:
    """A question for a sign of life; `answer` is the pong, with the same payload."""

    answer: str


@dataclass(frozen=True, slots=True)
class Pong:
    """A sign of life."""


@dataclass(frozen=True, slots=True)
class Subscribe:
    """An operation, of any kind, to run under an id of the client's choice; `payload` is unchecked."""

    id: str
    payload: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Complete:
    """The client is no longer interested in an operation."""

    id: str


Frame = ConnectionInit | Ping | Pong | Subscribe | Complete


def parse_frame(text: str) -> Frame:
    """Read one message of a client.

    Raises:
        Malformed: it is not JSON, of an unknown type, or lacks what its type needs.
    """
    try:
        message = orjson.loads(text)
    except ValueError:
        raise Malformed("Not valid JSON") from None
    if not isinstance(message, dict):
        raise Malformed("Not a JSON object")
    match message.get("type"):
        case "connection_init":
            return ConnectionInit(_object(message.get("payload")) or {})
        case "ping":
            return Ping(_pong(_object(message.get("payload"))))
        case "pong":
            return Pong()
        case "subscribe":
            return Subscribe(_id(message), _payload(message))
        case "complete":
            return Complete(_id(message))
    raise Malformed("Unknown message type")


def _object(payload: object) -> Mapping[str, object] | None:
    if payload is None or isinstance(payload, dict):
        return payload
    raise Malformed("The payload is not an object")


def _payload(message: Mapping[str, object]) -> Mapping[str, object]:
    payload = _object(message.get("payload"))
    if payload is None:
        raise Malformed("The payload is missing")
    return payload


def _pong(payload: Mapping[str, object] | None) -> str:
    if payload is None:
        return '{"type":"pong"}'
    try:
        return f'{{"type":"pong","payload":{_json(payload)}}}'
    except TypeError:
        raise Malformed("The payload is nested too deeply") from None


def _id(message: Mapping[str, object]) -> str:
    operation_id = message.get("id")
    if not isinstance(operation_id, str) or not operation_id:
        raise Malformed("The id is missing")
    return operation_id


def next_prefix(operation_id: str) -> str:
    """What stands before an encoded payload in a result; a closing brace ends it."""
    return f'{{"id":{_json(operation_id)},"type":"next","payload":'


def error_frame(operation_id: str, errors: Sequence[FormattedError]) -> str:
    """The end of an operation by errors."""
    return f'{{"id":{_json(operation_id)},"type":"error","payload":{_json(errors)}}}'


def complete_frame(operation_id: str) -> str:
    """The regular end of an operation."""
    return f'{{"id":{_json(operation_id)},"type":"complete"}}'


def _json(value: object) -> str:
    return orjson.dumps(value).decode()
