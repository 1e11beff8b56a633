"""Puts identity together: keys, tokens, passwords and the use cases that share them."""

from __future__ import annotations

import os
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from uuid_utils.compat import uuid7

from domain.agents.starter_pack import add_starter_pack
from domain.identity.authenticate import Authenticate
from domain.identity.change_password import ChangePassword
from domain.identity.issue import Issuer
from domain.identity.links import MakeSignInLink
from domain.identity.log_in import LogIn
from domain.identity.log_out import LogOut
from domain.identity.purge import PurgeSignIns
from domain.identity.redeem_link import RedeemLink
from domain.identity.refresh import Refresh
from domain.identity.refresh_tokens import RefreshTokens
from domain.identity.register import Register
from domain.identity.standing import Standing
from domain.identity.throttle import (
    CHANGE_PASSWORD_PER_USER,
    LOG_IN_PER_EMAIL,
    LOG_IN_PER_IP,
    REFRESH_PER_IP,
    REGISTER_PER_IP,
    Throttle,
)
from graphql_api.app.secrets import key_ring
from graphql_api.app.setting_types import Registration
from graphql_api.app.stores import utc_now
from graphql_api.context import IdentityServices
from graphql_api.transport.clients import CookieNames
from integrations.passwords import Argon2Passwords
from integrations.tokens import JwtAccessTokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from domain.limits.ports import Quota
    from domain.scopes import UserTx
    from graphql_api.app.settings import Settings
    from graphql_api.app.stores import Stores

SAMPLE_PROJECT = "Starter"


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityParts:
    """What the rest of the application needs of identity."""

    services: IdentityServices
    authenticate: Authenticate
    make_link: MakeSignInLink
    purge: PurgeSignIns


def new_id() -> UUID:
    """A fresh UUIDv7."""
    return uuid7()


def identity_parts(settings: Settings, stores: Stores, stack: AsyncExitStack) -> IdentityParts:
    """Build identity.

    Raises:
        SecretsRefused: the signing keys are missing or weak.
    """
    secret = settings.secret_keys.get_secret_value() if settings.secret_keys else None
    keys = key_ring(secret, data_dir=settings.data_dir, production=settings.production, randomness=os.urandom)
    access = JwtAccessTokens(keys, clock=utc_now)
    refresh = RefreshTokens(keys, randomness=os.urandom)
    issuer = Issuer(access=access, refresh=refresh, clock=utc_now, new_id=new_id)
    standing = Standing(monotonic_s=time.monotonic)
    passwords = Argon2Passwords(randomness=os.urandom)
    stack.push_async_callback(passwords.close)
    scopes, directory = stores.scopes, stores.unowned

    def throttle(kind: str, quotas: Sequence[Quota]) -> Throttle:
        return Throttle(stores.limiter, kind=kind, quotas=quotas)

    log_in_per_ip = throttle("log_in_ip", LOG_IN_PER_IP)
    services = IdentityServices(
        register=Register(
            scopes=scopes,
            passwords=passwords,
            issuer=issuer,
            per_ip=throttle("register_ip", REGISTER_PER_IP),
            new_id=new_id,
        ),
        log_in=LogIn(
            scopes=scopes,
            directory=directory,
            passwords=passwords,
            issuer=issuer,
            per_ip=log_in_per_ip,
            per_email=throttle("log_in_email", LOG_IN_PER_EMAIL),
            new_id=new_id,
        ),
        log_out=LogOut(standing=standing),
        redeem_link=RedeemLink(scopes=scopes, directory=directory, issuer=issuer, per_ip=log_in_per_ip),
        refresh=Refresh(
            scopes=scopes,
            directory=directory,
            issuer=issuer,
            tokens=refresh,
            standing=standing,
            per_ip=throttle("refresh_ip", REFRESH_PER_IP),
        ),
        change_password=ChangePassword(
            passwords=passwords,
            standing=standing,
            per_user=throttle("change_password", CHANGE_PASSWORD_PER_USER),
        ),
        registration_open=settings.registration is Registration.OPEN,
        secure_cookies=settings.production,
        refresh_cookie=CookieNames().refresh,
    )
    return IdentityParts(
        services=services,
        authenticate=Authenticate(access=access, scopes=scopes, hints=stores.hints, standing=standing),
        make_link=MakeSignInLink(
            scopes=scopes, directory=directory, new_id=new_id, randomness=os.urandom, welcome=welcome
        ),
        purge=PurgeSignIns(scopes=scopes, directory=directory),
    )


def welcome(tx: UserTx) -> None:
    """What the first user finds: a sample project with the Starter Pack."""
    project_id = new_id()
    tx.projects.add(project_id, name=SAMPLE_PROJECT, workspace_path=None)
    add_starter_pack(tx.project(project_id), new_id=new_id)
