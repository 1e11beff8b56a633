"""Mutations of identity: signing in and out, the password, preferences."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from domain.identity import entities
from domain.identity import preferences as domain_preferences
from domain.identity.issue import Client
from graphql_api.context import Context, Info
from graphql_api.schema.enums import Language, SendKey, Theme
from graphql_api.schema.identity import Preferences, User
from graphql_api.schema.inputs import nullable, value_of
from graphql_api.schema.problems import Conflict, Invalid, LimitExceeded, answered
from graphql_api.transport.ports import Cookie

if TYPE_CHECKING:
    from collections.abc import Awaitable


@strawberry.type(description="Tokens of a new or refreshed sign-in. The refresh token is valid once.")
class SignedIn:
    """Signed in."""

    user: User = strawberry.field(description="Who is signed in.")
    access_token: str = strawberry.field(
        description="Goes into the header `Authorization: Bearer …`; a secret."
    )
    access_expires_at: datetime = strawberry.field(
        description="When the access token ends; 30 minutes after it was made."
    )
    refresh_token: str = strawberry.field(
        description="Gets the next pair from `refreshTokens`, once; a secret."
    )
    refresh_expires_at: datetime = strawberry.field(
        description="When the refresh token ends; 7 days after it was made."
    )


@strawberry.type(description="Signed out.")
class LoggedOut:
    """Signed out."""

    count: int = strawberry.field(description="Sign-ins that ended.")


@strawberry.type(description="The password was changed; all other sign-ins ended.")
class PasswordChanged:
    """Changed."""

    user: User = strawberry.field(description="Whose it is.")


@strawberry.type(description="The preferences were saved.")
class PreferencesUpdated:
    """Saved."""

    preferences: Preferences = strawberry.field(description="All preferences as they are now.")


RegisterResult = Annotated[
    SignedIn | Invalid | Conflict | LimitExceeded,
    strawberry.union("RegisterResult", description="The sign-in to the new account, or why there is none."),
]
LogInResult = Annotated[
    SignedIn | Invalid | LimitExceeded,
    strawberry.union("LogInResult", description="The sign-in, or why there is none."),
]
RefreshTokensResult = Annotated[
    SignedIn | Invalid | LimitExceeded,
    strawberry.union("RefreshTokensResult", description="New tokens, or why you must sign in again."),
]
LogOutResult = Annotated[
    LoggedOut | Invalid,
    strawberry.union("LogOutResult", description="How many sign-ins ended, or why none did."),
]
ChangePasswordResult = Annotated[
    PasswordChanged | Invalid | LimitExceeded,
    strawberry.union("ChangePasswordResult", description="Whose password was changed, or why it was not."),
]
UpdatePreferencesResult = Annotated[
    PreferencesUpdated | Invalid,
    strawberry.union(
        "UpdatePreferencesResult", description="The preferences, or why they stay as they were."
    ),
]


@strawberry.input(description="An address and a password of 8 to 200 characters.")
class CredentialsInput:
    """Credentials."""

    email: str = strawberry.field(
        description="The address, at most 254 characters; capitals make no difference."
    )
    password: str = strawberry.field(description="8 to 200 characters.")


@strawberry.input(
    description="What to change; fields that are absent or null stay as they are, if not said otherwise."
)
class PreferencesInput:
    """Preferences."""

    language: Language | None = strawberry.field(
        default=strawberry.UNSET, description="The language of the interface."
    )
    theme: Theme | None = strawberry.field(
        default=strawberry.UNSET, description="The colours of the interface."
    )
    send_key: SendKey | None = strawberry.field(
        default=strawberry.UNSET, description="The key that sends a message."
    )
    auto_approve_low_risk: bool | None = strawberry.field(
        default=strawberry.UNSET, description="Whether tool calls of low risk run without asking."
    )
    approval_timeout_seconds: int | None = strawberry.field(
        default=strawberry.UNSET,
        description="Seconds until an approval expires, 10 to 86,400; null goes"
        " back to the default of its risk.",
    )


@strawberry.type
class IdentityMutation:
    """Mutations of identity."""

    @strawberry.mutation(description="Make an account and sign in.")
    async def register(
        self,
        info: Info,
        input: Annotated[CredentialsInput, strawberry.argument(description="The new account's.")],
    ) -> RegisterResult:
        """Register."""
        if not info.context.services.identity.registration_open:
            return Invalid(message="Registration is closed on this server. Ask its operator.", fields=[])
        register = info.context.services.identity.register
        return await _signing_in(
            info, register(email=input.email, password=input.password, client=_client(info))
        )

    @strawberry.mutation(description="Sign in.")
    async def log_in(
        self,
        info: Info,
        input: Annotated[CredentialsInput, strawberry.argument(description="The account's.")],
    ) -> LogInResult:
        """Log in."""
        log_in = info.context.services.identity.log_in
        return await _signing_in(
            info, log_in(email=input.email, password=input.password, client=_client(info))
        )

    @strawberry.mutation(
        description="Sign in with the one-time token of the link that the first start prints."
    )
    async def redeem_sign_in_link(
        self,
        info: Info,
        token: Annotated[
            str,
            strawberry.argument(
                description="What follows `#token=` in the link; valid once, for ten minutes."
            ),
        ],
    ) -> LogInResult:
        """Redeem."""
        redeem = info.context.services.identity.redeem_link
        return await _signing_in(info, redeem(token, client=_client(info)))

    @strawberry.mutation(description="New tokens, for the token in the argument or in the browser's cookie.")
    async def refresh_tokens(
        self,
        info: Info,
        refresh_token: Annotated[
            str | None, strawberry.argument(description="The latest refresh token; null takes the cookie's.")
        ] = None,
    ) -> RefreshTokensResult:
        """Refresh."""
        token = refresh_token or info.context.request.refresh_cookie
        return await _signing_in(info, info.context.services.identity.refresh(token, client=_client(info)))

    @strawberry.mutation(description="Sign out, here or everywhere.")
    async def log_out(
        self,
        info: Info,
        everywhere: Annotated[
            bool | None, strawberry.argument(description="Whether all of your sign-ins end; else this one.")
        ] = False,
    ) -> LogOutResult:
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
    async def change_password(
        self,
        info: Info,
        current: Annotated[
            str, strawberry.argument(description="The present password; empty for an account without one.")
        ],
        new: Annotated[str, strawberry.argument(description="The new password, 8 to 200 characters.")],
    ) -> ChangePasswordResult:
        """Change the password."""
        context = info.context
        change = context.services.identity.change_password
        return await answered(
            info,
            change(context.scope, context.signed_in, current=current, new=new),
            lambda user: PasswordChanged(user=User.of(user)),
        )

    @strawberry.mutation(description="Change preferences.")
    async def update_preferences(
        self,
        info: Info,
        input: Annotated[PreferencesInput, strawberry.argument(description="What shall change.")],
    ) -> UpdatePreferencesResult:
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
