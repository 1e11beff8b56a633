"""Users, sign-ins and preferences."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from domain.identity import entities
from domain.identity import preferences as domain_preferences
from domain.identity.issue import Client
from domain.pages import PageRequest
from graphql_api.context import Context, Info
from graphql_api.schema.enums import Language, SendKey, Theme
from graphql_api.schema.ids import Kind, shown
from graphql_api.schema.inputs import nullable, value_of
from graphql_api.schema.paging import Connection, connection
from graphql_api.schema.problems import Conflict, Invalid, LimitExceeded, answered
from graphql_api.transport.ports import Cookie

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from graphql_api.schema.projects import Project


@strawberry.type(description="What a user chose.")
class Preferences:
    """Preferences."""

    language: Language
    theme: Theme
    send_key: SendKey
    auto_approve_low_risk: bool
    approval_timeout_seconds: int | None

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

    id: strawberry.ID
    created_at: datetime
    last_used_at: datetime
    client: str | None
    current: bool


@strawberry.type(description="You.")
class User:
    """The user who asks."""

    id: strawberry.ID
    email: str
    created_at: datetime

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
        self, info: Info, first: int | None = None, after: str | None = None
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


@strawberry.type(description="Tokens of a new or refreshed sign-in. The refresh token is valid once.")
class SignedIn:
    """Signed in."""

    user: User
    access_token: str
    access_expires_at: datetime
    refresh_token: str
    refresh_expires_at: datetime


@strawberry.type(description="Signed out.")
class LoggedOut:
    """Signed out."""

    count: int = strawberry.field(description="Sign-ins that ended.")


@strawberry.type(description="The password was changed; all other sign-ins ended.")
class PasswordChanged:
    """Changed."""

    user: User


@strawberry.type(description="The preferences were saved.")
class PreferencesUpdated:
    """Saved."""

    preferences: Preferences


RegisterResult = Annotated[SignedIn | Invalid | Conflict | LimitExceeded, strawberry.union("RegisterResult")]
LogInResult = Annotated[SignedIn | Invalid | LimitExceeded, strawberry.union("LogInResult")]
RefreshTokensResult = Annotated[SignedIn | Invalid | LimitExceeded, strawberry.union("RefreshTokensResult")]
LogOutResult = Annotated[LoggedOut | Invalid, strawberry.union("LogOutResult")]
ChangePasswordResult = Annotated[
    PasswordChanged | Invalid | LimitExceeded, strawberry.union("ChangePasswordResult")
]
UpdatePreferencesResult = Annotated[PreferencesUpdated | Invalid, strawberry.union("UpdatePreferencesResult")]


@strawberry.input(description="An address and a password of 8 to 200 characters.")
class CredentialsInput:
    """Credentials."""

    email: str
    password: str


@strawberry.input(description="What to change; absent fields stay.")
class PreferencesInput:
    """Preferences."""

    language: Language | None = strawberry.UNSET
    theme: Theme | None = strawberry.UNSET
    send_key: SendKey | None = strawberry.UNSET
    auto_approve_low_risk: bool | None = strawberry.UNSET
    approval_timeout_seconds: int | None = strawberry.UNSET


@strawberry.type
class IdentityMutation:
    """Mutations of identity."""

    @strawberry.mutation(description="Make an account and sign in.")
    async def register(self, info: Info, input: CredentialsInput) -> RegisterResult:
        """Register."""
        if not info.context.services.identity.registration_open:
            return Invalid(message="Registration is closed on this server. Ask its operator.", fields=[])
        register = info.context.services.identity.register
        return await _signing_in(
            info, register(email=input.email, password=input.password, client=_client(info))
        )

    @strawberry.mutation(description="Sign in.")
    async def log_in(self, info: Info, input: CredentialsInput) -> LogInResult:
        """Log in."""
        log_in = info.context.services.identity.log_in
        return await _signing_in(
            info, log_in(email=input.email, password=input.password, client=_client(info))
        )

    @strawberry.mutation(
        description="Sign in with the one-time token of the link that the first start prints."
    )
    async def redeem_sign_in_link(self, info: Info, token: str) -> LogInResult:
        """Redeem."""
        redeem = info.context.services.identity.redeem_link
        return await _signing_in(info, redeem(token, client=_client(info)))

    @strawberry.mutation(description="New tokens, for the token in the argument or in the browser's cookie.")
    async def refresh_tokens(self, info: Info, refresh_token: str | None = None) -> RefreshTokensResult:
        """Refresh."""
        token = refresh_token or info.context.request.refresh_cookie
        return await _signing_in(info, info.context.services.identity.refresh(token, client=_client(info)))

    @strawberry.mutation(description="Sign out, here or everywhere.")
    async def log_out(self, info: Info, everywhere: bool | None = False) -> LogOutResult:
        """Log out."""
        context, identity = info.context, info.context.services.identity
        result = await answered(
            info,
            identity.log_out(context.scope, context.signed_in, everywhere=bool(everywhere)),
            lambda count: LoggedOut(count=count),
        )
        _set_cookie(context, "", max_age_s=0)
        return result

    @strawberry.mutation(
        description="Change the password; all other sign-ins end. `current` is empty for an account without one."
    )
    async def change_password(self, info: Info, current: str, new: str) -> ChangePasswordResult:
        """Change the password."""
        context = info.context
        change = context.services.identity.change_password
        return await answered(
            info,
            change(context.scope, context.signed_in, current=current, new=new),
            lambda user: PasswordChanged(user=User.of(user)),
        )

    @strawberry.mutation(description="Change preferences.")
    async def update_preferences(self, info: Info, input: PreferencesInput) -> UpdatePreferencesResult:
        """Update."""
        wanted = domain_preferences.PreferencesInput(
            language=value_of(input.language),
            theme=value_of(input.theme),
            send_key=value_of(input.send_key),
            auto_approve_low_risk=value_of(input.auto_approve_low_risk),
            approval_timeout_s=nullable(input.approval_timeout_seconds),
        )
        return await answered(
            info,
            domain_preferences.update_preferences(info.context.scope, wanted),
            lambda chosen: PreferencesUpdated(preferences=Preferences.of(chosen)),
        )


def _client(info: Info) -> Client:
    request = info.context.request
    return Client(request.client_ip, request.user_agent)


async def _signing_in(info: Info, outcome: Awaitable[entities.SignedIn]) -> SignedIn:
    """The tokens, the refresh token also as a cookie that no script can read."""

    def payload(signed_in: entities.SignedIn) -> SignedIn:
        tokens = signed_in.tokens
        seconds = int((tokens.refresh_expires_at - info.context.services.clock()).total_seconds())
        _set_cookie(info.context, tokens.refresh_token, max_age_s=max(seconds, 0))
        info.context.become(
            entities.Principal(signed_in.user.id, signed_in.sign_in_id, tokens.access_expires_at)
        )
        return SignedIn(
            user=User.of(signed_in.user),
            access_token=tokens.access_token,
            access_expires_at=tokens.access_expires_at,
            refresh_token=tokens.refresh_token,
            refresh_expires_at=tokens.refresh_expires_at,
        )

    result: SignedIn = await answered(info, outcome, payload)
    return result


def _set_cookie(context: Context, value: str, *, max_age_s: int) -> None:
    identity = context.services.identity
    context.request.changes.set_cookie(
        Cookie(
            identity.refresh_cookie,
            value,
            max_age_s=max_age_s,
            path="/graphql",
            secure=identity.secure_cookies,
        )
    )
