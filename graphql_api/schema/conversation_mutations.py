"""Mutations of sessions, messages and runs."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from functools import partial
from typing import Annotated
from uuid import UUID

import strawberry

from domain.conversations import entities
from domain.conversations.begin import Begun
from domain.conversations.send import NewMessageInput
from domain.conversations.validate import checked_wait
from domain.errors import NotFound as DomainNotFound
from domain.scopes import UserTx
from graphql_api.context import Info
from graphql_api.schema.arguments import IdempotencyKey, MessageId, ProjectId, RunId, SessionId
from graphql_api.schema.conversations import Message, Run, Session
from graphql_api.schema.deleted import Deleted
from graphql_api.schema.ids import Kind, maybe, parsed
from graphql_api.schema.inputs import or_none
from graphql_api.schema.problems import Conflict, Invalid, LimitExceeded, NotFound, Unavailable, answered


@strawberry.type(description="The session was saved.")
class SessionSaved:
    """Saved."""

    session: Session = strawberry.field(description="The session as it is now.")


@strawberry.type(description="The message was admitted; its run answers it.")
class MessageSent:
    """Sent."""

    message: Message = strawberry.field(
        description="What was sent. Beside `Problem { message }` one of the two needs an alias: their types differ."
    )
    run: Run = strawberry.field(description="The answer being made.")


@strawberry.type(description="The run has ended; what was written so far stays.")
class RunStopped:
    """Stopped."""

    run: Run = strawberry.field(description="The run, which has ended.")


CreateSessionResult = Annotated[
    SessionSaved | NotFound | Invalid | Conflict | LimitExceeded,
    strawberry.union("CreateSessionResult", description="The new session, or why there is none."),
]
RenameSessionResult = Annotated[
    SessionSaved | NotFound | Invalid,
    strawberry.union("RenameSessionResult", description="The renamed session, or why it keeps its title."),
]
DeleteSessionResult = Annotated[
    Deleted | NotFound,
    strawberry.union("DeleteSessionResult", description="What was deleted, or why nothing was."),
]
SendMessageResult = Annotated[
    MessageSent | NotFound | Invalid | Conflict | LimitExceeded | Unavailable,
    strawberry.union("SendMessageResult", description="The message and its run, or why nothing was sent."),
]
StopRunResult = Annotated[
    RunStopped | NotFound,
    strawberry.union("StopRunResult", description="The run that has ended, or why there is none."),
]
DeleteMessageResult = Annotated[
    Deleted | NotFound | Conflict,
    strawberry.union("DeleteMessageResult", description="What was deleted, or why nothing was."),
]


@strawberry.input(description="What is said, to whom, and where in the conversation.")
class SendMessageInput:
    """A message."""

    content: str = strawberry.field(description="The text, 1 to 100,000 characters.")
    target_agent: str | None = strawberry.field(
        default=None,
        description="Handle (with or without @) or id. Without it a leading @handle decides;"
        " without both the orchestrator does.",
    )
    parent_id: strawberry.ID | None = strawberry.field(
        default=None, description="Continue from this message; default: the session's head."
    )
    idempotency_key: str = strawberry.field(
        description="The same key with the same input returns the same run for the session's life;"
        " with other input it is a Conflict."
    )

    @property
    def entity(self) -> NewMessageInput:
        """As the domain has it."""
        target = or_none(self.target_agent)
        parent = or_none(self.parent_id)
        return NewMessageInput(
            content=self.content,
            key=self.idempotency_key,
            target=(maybe(Kind.AGENT, target) or target) if target is not None else None,
            parent_id=parsed(Kind.MESSAGE, parent) if parent is not None else None,
        )


@strawberry.type
class ConversationMutation:
    """Mutations of conversations."""

    @strawberry.mutation(description="A new chat.")
    async def create_session(
        self,
        info: Info,
        project_id: ProjectId,
        title: Annotated[
            str | None, strawberry.argument(description="1 to 200 characters; null is `New chat`.")
        ] = None,
        idempotency_key: Annotated[
            str | None,
            strawberry.argument(
                description="The same key with the same title returns the same session; with another it is a Conflict."
            ),
        ] = None,
    ) -> CreateSessionResult:
        """Create."""
        context = info.context
        created = context.services.sessions.create(
            context.scope, parsed(Kind.PROJECT, project_id), title=title, key=idempotency_key
        )
        return await answered(info, _saved(info, created), lambda it: it)

    @strawberry.mutation(description="Change a chat's title.")
    async def rename_session(
        self,
        info: Info,
        id: SessionId,
        title: Annotated[str, strawberry.argument(description="The new title, 1 to 200 characters.")],
    ) -> RenameSessionResult:
        """Rename."""
        context, session_id = info.context, parsed(Kind.SESSION, id)

        async def renamed() -> UUID:
            await context.services.sessions.rename(context.scope, session_id, title)
            return session_id

        return await answered(info, _saved(info, renamed()), lambda it: it)

    @strawberry.mutation(description="Delete a chat; what is open in it is cancelled.")
    async def delete_session(self, info: Info, id: SessionId) -> DeleteSessionResult:
        """Delete."""
        context = info.context
        deleted = context.services.sessions.delete(context.scope, parsed(Kind.SESSION, id))
        return await answered(info, deleted, partial(Deleted.of, id))

    @strawberry.mutation(
        description="Returns at once with the run; with waitSeconds (at most 30) when the run ends"
        " or the time is up."
    )
    async def send_message(
        self,
        info: Info,
        session_id: SessionId,
        input: Annotated[SendMessageInput, strawberry.argument(description="What is said, and to whom.")],
        wait_seconds: Annotated[
            float | None,
            strawberry.argument(
                description="How long to wait for the run's end, 0 to 30 seconds; null does not wait."
            ),
        ] = None,
    ) -> SendMessageResult:
        """Send."""
        context = info.context

        async def sent() -> MessageSent:
            seconds = checked_wait(wait_seconds)
            sending = context.services.send.message(
                context.scope, parsed(Kind.SESSION, session_id), input.entity
            )
            return await _sent(info, sending, seconds=seconds)

        return await answered(info, sent(), lambda it: it)

    @strawberry.mutation(
        description="The edited message becomes a sibling of the old one, and a new run answers it."
    )
    async def edit_message(
        self,
        info: Info,
        message_id: MessageId,
        content: Annotated[str, strawberry.argument(description="The new text, 1 to 100,000 characters.")],
        idempotency_key: IdempotencyKey,
    ) -> SendMessageResult:
        """Edit."""
        context = info.context
        sending = context.services.send.edited(
            context.scope, parsed(Kind.MESSAGE, message_id), content, idempotency_key
        )
        return await answered(info, _sent(info, sending), lambda it: it)

    @strawberry.mutation(description="Answer the question of a run that has ended once more.")
    async def retry_run(
        self, info: Info, run_id: RunId, idempotency_key: IdempotencyKey
    ) -> SendMessageResult:
        """Retry."""
        context = info.context
        sending = context.services.send.retried(context.scope, parsed(Kind.RUN, run_id), idempotency_key)
        return await answered(info, _sent(info, sending), lambda it: it)

    @strawberry.mutation(description="End a run at once; what was written so far stays.")
    async def stop_run(self, info: Info, run_id: RunId) -> StopRunResult:
        """Stop."""
        context, key = info.context, parsed(Kind.RUN, run_id)

        async def stopped() -> RunStopped:
            await context.services.stop(context.scope, key)
            return RunStopped(run=Run.of(await context.scope.read(partial(_run, run_id=key))))

        return await answered(info, stopped(), lambda it: it)

    @strawberry.mutation(description="Delete a message and everything below it.")
    async def delete_message(self, info: Info, message_id: MessageId) -> DeleteMessageResult:
        """Delete."""
        context = info.context
        deleted = context.services.delete_message(context.scope, parsed(Kind.MESSAGE, message_id))
        return await answered(info, deleted, partial(Deleted.of, message_id))


async def _saved(info: Info, saving: Awaitable[UUID]) -> SessionSaved:
    session_id = await saving
    found = await info.context.scope.read(lambda tx: tx.projects.session(session_id))
    if found is None:
        raise DomainNotFound("session")
    return SessionSaved(session=Session.of(found))


async def _sent(info: Info, sending: Awaitable[Begun], *, seconds: float = 0.0) -> MessageSent:
    context = info.context
    begun = await sending
    if seconds:
        await context.services.wait_for_run(context.scope, begun, seconds=seconds)
    run, messages = await context.scope.read(partial(_run_and_messages, begun=begun))
    # whoever waited for the answer asks for it: it was read in the same go
    context.loaders.messages.prime_many({(it.project_id, it.id): it for it in messages.values()})
    return MessageSent(message=Message.of(messages[run.question_id]), run=Run.of(run))


def _run_and_messages(tx: UserTx, *, begun: Begun) -> tuple[entities.Run, Mapping[UUID, entities.Message]]:
    """The run with its question and its answer."""
    p = tx.project(begun.project_id)
    run = p.runs.many([begun.run_id]).get(begun.run_id)
    messages = p.messages.many([run.question_id, run.answer_id]) if run else {}
    if run is None or run.question_id not in messages:
        raise DomainNotFound("run")
    return run, messages


def _run(tx: UserTx, *, run_id: UUID) -> entities.Run:
    place = tx.projects.of_run(run_id)
    run = tx.project(place[0]).runs.many([run_id]).get(run_id) if place else None
    if run is None:
        raise DomainNotFound("run")
    return run
