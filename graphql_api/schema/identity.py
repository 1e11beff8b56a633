"""Users, sign-ins and preferences."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from domain.identity import entities
from domain.pages import PageRequest
from graphql_api.context import Info
from graphql_api.schema.arguments import After, First
from graphql_api.schema.enums import Language, SendKey, Theme
from graphql_api.schema.ids import Kind, shown
from graphql_api.schema.paging import Connection, connection

if TYPE_CHECKING:
    from graphql_api.schema.projects import Project


@strawberry.type(description="What a user chose.")
class Preferences:
    """Preferences."""

    language: Language = strawberry.field(description="The language of the interface.")
    theme: Theme = strawberry.field(description="The colours of the interface.")
    send_key: SendKey = strawberry.field(description="The key that sends a message.")
    auto_approve_low_risk: bool = strawberry.field(
        description="Whether tool calls of low risk run without asking."
    )
    approval_timeout_seconds: int | None = strawberry.field(
        description="Seconds until an approval expires, 10 to 86,400; null: as long as its risk allows by"
        " default."
    )

    @classmethod
    def of(cls, chosen: entities.Preferences) -> Preferences:
        """From the entity."""
        return cls(
            language=chosen.language,
            theme=chosen.theme,
            send_key=chosen.send_key,
            auto_approve_low_risk=chosen.auto_approve_low_risk,
            approval_timeout_seconds=chosen.approval_timeout_s,
        )


@strawberry.type(description="One log-in of one client.")
class SignIn:
    """A sign-in."""

    id: strawberry.ID = strawberry.field(description="Its id, `sgn_…`.")
    created_at: datetime = strawberry.field(description="When it began.")
    last_used_at: datetime = strawberry.field(description="When its tokens were last renewed.")
    client: str | None = strawberry.field(
        description="The client as it named itself, at most 200 characters; null when it did not."
    )
    current: bool = strawberry.field(description="Whether it is the one that asks.")


@strawberry.type(description="You.")
class User:
    """The user who asks."""

    id: strawberry.ID = strawberry.field(description="Your id, `usr_…`; no operation takes it.")
    email: str = strawberry.field(description="The address, as you wrote it.")
    created_at: datetime = strawberry.field(description="When the account was made.")

    @classmethod
    def of(cls, user: entities.User) -> User:
        """From the entity."""
        return cls(id=strawberry.ID(shown(Kind.USER, user.id)), email=user.email, created_at=user.created_at)

    @strawberry.field(description="What you chose.")
    async def preferences(self, info: Info) -> Preferences:
        """Preferences, or the defaults."""
        return Preferences.of(await info.context.scope.read(lambda tx: tx.identity.preferences()))

    @strawberry.field(description="Your projects, oldest first.")
    async def projects(
        self, info: Info, first: First = None, after: After = None
    ) -> Connection[Annotated[Project, strawberry.lazy("graphql_api.schema.projects")]]:
        """Projects."""
        from graphql_api.schema.projects import Project

        request = PageRequest.of(first=first, after=after)
        return connection(await info.context.scope.read(lambda tx: tx.projects.page(request)), Project.of)

    @strawberry.field(description="Where you are signed in, the last used first.")
    async def sign_ins(self, info: Info) -> list[SignIn]:
        """Live sign-ins."""
        current = info.context.signed_in.sign_in_id
        return [
            SignIn(
                id=strawberry.ID(shown(Kind.SIGN_IN, it.id)),
                created_at=it.created_at,
                last_used_at=it.last_used_at,
                client=it.client,
                current=it.id == current,
            )
            for it in await info.context.scope.read(lambda tx: tx.identity.sign_ins())
        ]
