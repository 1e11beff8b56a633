"""The live store of the server matrix, shared by all processes through Redis."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import cast
from uuid import UUID

import orjson
from broadcaster import Broadcast

from domain.events.kinds import Fact
from domain.events.live import (
    BUFFER_TTL_S,
    BUFFERED_FACTS,
    TEXT_TTL_S,
    Appended,
    Delta,
    SessionKey,
    TextSoFar,
)
from persistence import fact_codec
from persistence.channels import listening
from persistence.redis import scripts
from persistence.redis.broadcast import RedisBackend
from persistence.redis.connection import RedisStore, StoredScript, StoreLost

logger = logging.getLogger(__name__)


class RedisLive:
    """`Live` for many processes. While Redis is lost it serves the listeners of this process alone.

    Args:
        store: Opened by the caller.
        broadcast: Opened by the caller, over `backend`.
        backend: The broadcast's backend.
    """

    def __init__(self, store: RedisStore, *, broadcast: Broadcast, backend: RedisBackend) -> None:
        self._store = store
        self._broadcast = broadcast
        self._backend = backend
        self._publish = StoredScript(store, "publish_facts", scripts.PUBLISH_FACTS)
        self._begin = StoredScript(store, "begin_text", scripts.BEGIN)
        self._append = StoredScript(store, "append_text", scripts.APPEND)
        self._finish = StoredScript(store, "finish_text", scripts.FINISH)
        self._writing = StoredScript(store, "texts_so_far", scripts.WRITING)
        self._drop = StoredScript(store, "drop_session", scripts.DROP)

    async def publish(self, key: SessionKey, facts: Sequence[Fact]) -> None:
        if not facts:
            return
        keys = _Keys(key)
        written = [fact_codec.encode(fact).decode() for fact in facts]
        message = f"[{','.join(written)}]"
        kept = list(zip((fact.seq for fact in facts), written, strict=True))[-BUFFERED_FACTS:]
        numbered = [part for pair in kept for part in pair]
        try:
            await self._publish.run(
                [keys.buffer], keys.channel, message, BUFFERED_FACTS, BUFFER_TTL_S, *numbered
            )
        except StoreLost:
            self._backend.echo(keys.channel, message)

    async def buffered(self, key: SessionKey, *, after: int) -> list[Fact]:
        async def read() -> list[bytes]:
            found = await self._store.client.zrangebyscore(_Keys(key).buffer, f"({after}", "+inf")
            return cast("list[bytes]", found)

        try:
            return [fact_codec.decode(fact) for fact in await self._store.ask("buffered_facts", read)]
        except (StoreLost, fact_codec.UnreadableFact):
            return []  # the log has them

    async def begin(self, key: SessionKey, *, message_id: UUID, generation: int, text: str = "") -> Appended:
        delta = _encodable(Delta(message_id, generation, 0, text))
        return await self._write(self._begin, key, delta, message=_written(delta) if text else "")

    async def append(self, key: SessionKey, delta: Delta) -> Appended:
        delta = _encodable(delta)
        return await self._write(self._append, key, delta, delta.offset, message=_written(delta))

    async def finish(self, key: SessionKey, *, message_id: UUID, generation: int) -> TextSoFar | None:
        keys = _Keys(key).of_message(message_id)
        try:
            text = await self._finish.run(keys, str(message_id), generation, TEXT_TTL_S)
        except StoreLost:
            return None
        if text is None:
            return None
        return TextSoFar(message_id, generation, cast("bytes", text).decode())

    async def writing(self, key: SessionKey) -> list[TextSoFar]:
        keys = _Keys(key)
        try:
            found = cast("list[bytes]", await self._writing.run([keys.index], keys.state, keys.text))
        except StoreLost:
            return []
        return [
            TextSoFar(UUID(message.decode()), int(generation), text.decode())
            for message, generation, text in zip(found[::3], found[1::3], found[2::3], strict=True)
        ]

    def listen(self, key: SessionKey) -> AbstractAsyncContextManager[AsyncIterator[Fact | Delta]]:
        return listening(self._broadcast, _Keys(key).channel, read=_read, subscribed=self._backend.subscribed)

    async def drop(self, key: SessionKey) -> None:
        keys = _Keys(key)
        try:
            await self._drop.run([keys.buffer, keys.index], keys.state, keys.text)
        except StoreLost:
            logger.info("redis: a deleted session is left to expire")

    async def _write(
        self, script: StoredScript, key: SessionKey, delta: Delta, *more: int, message: str
    ) -> Appended:
        """Store text and broadcast it; an unreachable store must not stop the writer."""
        keys = _Keys(key)
        try:
            outcome = await script.run(
                keys.of_message(delta.message_id),
                str(delta.message_id),
                delta.generation,
                delta.text,
                len(delta.text),
                TEXT_TTL_S,
                keys.channel,
                message,
                *more,
            )
        except StoreLost:
            if message:
                self._backend.echo(keys.channel, message)
            return Appended.ACCEPTED
        return Appended(cast("bytes", outcome).decode())


class _Keys:
    """The names of one session's keys; the hash tag keeps them in one slot of a cluster."""

    def __init__(self, key: SessionKey) -> None:
        prefix = f"codelab:{{{key.user_id}:{key.session_id}}}:"
        self.channel = f"{prefix}live"
        self.buffer = f"{prefix}facts"
        self.index = f"{prefix}messages"
        self.state = f"{prefix}state:"
        self.text = f"{prefix}text:"

    def of_message(self, message_id: UUID) -> list[str]:
        return [self.index, f"{self.state}{message_id}", f"{self.text}{message_id}"]


def _encodable(delta: Delta) -> Delta:
    """The same delta with a question mark for each lone surrogate, which UTF-8 has no form for."""
    text = delta.text.encode(errors="replace").decode()
    return delta if text == delta.text else replace(delta, text=text)


def _written(delta: Delta) -> str:
    return orjson.dumps(delta).decode()


def _read(message: object) -> Sequence[Fact | Delta]:
    """Facts are broadcast as a list, a delta as an object; what can't be read is left to the log."""
    try:
        value: object = orjson.loads(cast("str", message))
        if isinstance(value, list):
            return [fact_codec.from_json(fact) for fact in value]
        return [cast("Delta", fact_codec.decoder(Delta)(value))]
    except (ValueError, TypeError, KeyError):
        logger.warning("redis: an unreadable broadcast was ignored")
        return []
