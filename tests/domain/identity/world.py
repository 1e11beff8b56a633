"""Identity as one process composes it, over a real database."""

from __future__ import annotations

import os
from collections.abc import Sequence
from uuid import UUID, uuid4

from broadcaster import Broadcast

from domain.identity.authenticate import Authenticate
from domain.identity.change_password import ChangePassword
from domain.identity.entities import SignedIn, SignIn
from domain.identity.issue import Client, Issuer
from domain.identity.links import MakeSignInLink
from domain.identity.log_in import LogIn
from domain.identity.log_out import LogOut
from domain.identity.purge import PurgeSignIns
from domain.identity.redeem_link import RedeemLink
from domain.identity.refresh import Refresh
from domain.identity.refresh_tokens import RefreshTokens
from domain.identity.register import Register
from domain.identity.signing_keys import SigningKey
from domain.identity.standing import Standing
from domain.identity.throttle import (
    CHANGE_PASSWORD_PER_USER,
    LOG_IN_PER_EMAIL,
    LOG_IN_PER_IP,
    REFRESH_PER_IP,
    REGISTER_PER_IP,
    Throttle,
)
from domain.limits.ports import Quota
from domain.scopes import UserScope, UserTx
from integrations.tokens import JwtAccessTokens
from persistence.database import Database
from persistence.memory.live import MemoryLive
from persistence.memory.rate_limiter import MemoryRateLimiter
from persistence.scopes import SqlScopes
from persistence.unowned import Unowned
from tests.clock import FakeClock
from tests.domain.identity.fakes import FakeHints, FakePasswords

HERE = Client("192.0.2.1", "Browser")
PASSWORD = "correct horse"
KEYS = (SigningKey("k1", b"1" * 32),)


class Process:
    """One process: what it knows and remembers is its own, the database is shared."""

    def __init__(
        self,
        database: Database,
        clock: FakeClock,
        *,
        keys: Sequence[SigningKey] = KEYS,
        hints: FakeHints | None = None,
        live_for_s: float = 30,
    ) -> None:
        self.clock = clock
        self.hints = hints or FakeHints()
        self.passwords = FakePasswords()
        self.welcomed: list[UUID] = []
        self.directory = Unowned(database)
        self.standing = Standing(monotonic_s=clock.monotonic_s, live_for_s=live_for_s)
        live = MemoryLive(Broadcast("memory://"), monotonic_s=clock.monotonic_s)
        self.scopes = SqlScopes(database, live=live, hints=self.hints)
        self._limiter = MemoryRateLimiter(monotonic_s=clock.monotonic_s)
        randomness = os.urandom
        self.refresh_tokens = RefreshTokens(keys, randomness=randomness)
        self.access = JwtAccessTokens(keys, clock=clock)
        issuer = Issuer(access=self.access, refresh=self.refresh_tokens, clock=clock, new_id=uuid4)
        log_in_per_ip = self._throttle("log-in-ip", LOG_IN_PER_IP)
        self.register = Register(
            scopes=self.scopes,
            passwords=self.passwords,
            issuer=issuer,
            per_ip=self._throttle("register-ip", REGISTER_PER_IP),
            new_id=uuid4,
        )
        self.log_in = LogIn(
            scopes=self.scopes,
            directory=self.directory,
            passwords=self.passwords,
            issuer=issuer,
            per_ip=log_in_per_ip,
            per_email=self._throttle("log-in-email", LOG_IN_PER_EMAIL),
            new_id=uuid4,
        )
        self.refresh = Refresh(
            scopes=self.scopes,
            directory=self.directory,
            issuer=issuer,
            tokens=self.refresh_tokens,
            standing=self.standing,
            per_ip=self._throttle("refresh-ip", REFRESH_PER_IP),
        )
        self.make_link = MakeSignInLink(
            scopes=self.scopes,
            directory=self.directory,
            new_id=uuid4,
            randomness=randomness,
            welcome=self._welcome,
        )
        self.redeem_link = RedeemLink(
            scopes=self.scopes, directory=self.directory, issuer=issuer, per_ip=log_in_per_ip
        )
        self.change_password = ChangePassword(
            passwords=self.passwords,
            standing=self.standing,
            per_user=self._throttle("change-password", CHANGE_PASSWORD_PER_USER),
        )
        self.log_out = LogOut(standing=self.standing)
        self.authenticator = Authenticate(
            access=self.access, scopes=self.scopes, hints=self.hints, standing=self.standing
        )
        self.purge = PurgeSignIns(scopes=self.scopes, directory=self.directory)

    async def somebody(self, email: str = "ann@example.org") -> SignedIn:
        """A registered user."""
        return await self.register(email=email, password=PASSWORD, client=HERE)

    def scope(self, signed_in: SignedIn) -> UserScope:
        """The user's doorway."""
        return self.scopes.open(signed_in.user.id)

    async def sign_ins(self, signed_in: SignedIn) -> Sequence[SignIn]:
        """The user's live sign-ins."""
        return await self.scope(signed_in).read_once(lambda tx: tx.identity.sign_ins())

    def _throttle(self, kind: str, quotas: Sequence[Quota]) -> Throttle:
        return Throttle(self._limiter, kind=kind, quotas=quotas)

    def _welcome(self, tx: UserTx) -> None:
        self.welcomed.append(tx.user_id)
