"""Headers that every response carries: what a browser may do with it, and with this host."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

NOTHING_ALLOWED = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": NOTHING_ALLOWED,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""For answers that are no pages; a page brings a policy of its own, which is kept."""
_POLICY = "Content-Security-Policy"
YEAR_S = 31_536_000
_STARTS = frozenset({"http.response.start", "websocket.http.response.start"})


class SecurityHeaders:
    """ASGI middleware that adds what a response does not say itself.

    With `https_only`, answers to requests that came by HTTPS (behind a trusted proxy: as it says) tell
    browsers to use nothing else for a year.
    """

    def __init__(self, app: ASGIApp, *, https_only: bool) -> None:
        self._app = app
        self._https_only = https_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        secure = self._https_only and scope.get("scheme") in {"https", "wss"}

        async def sent(message: Message) -> None:
            if message["type"] in _STARTS:
                headers = MutableHeaders(scope=message)
                _complete(headers)
                if secure:
                    headers["Strict-Transport-Security"] = f"max-age={YEAR_S}"
            await send(message)

        await self._app(scope, receive, sent)


def _complete(headers: MutableHeaders) -> None:
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    if "javascript" in headers.get("content-type", "") and headers[_POLICY] == NOTHING_ALLOWED:
        del headers[_POLICY]  # it would bind the workers that the script is for
