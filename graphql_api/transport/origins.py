"""Which web pages may talk to the API: the Origin allow-list and what CORS tells browsers."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


class Origins:
    """Accepts requests without an Origin (not a browser's page), of the same host, or of a listed origin.

    A browser always sends the true Origin with cross-site POSTs and WebSockets, so this check and
    the JSON content type stand between a foreign page and a signed-in user. There is no wildcard.
    """

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._allowed = frozenset(_normalised(origin) for origin in allowed)
        if any("*" in origin or "://" not in origin for origin in self._allowed):
            raise ValueError("An allowed origin is written in full: scheme://host[:port].")

    def allows(self, origin: str | None, *, host: str | None) -> bool:
        """Whether a page of this origin may talk to the server that it addressed as `host`."""
        if origin is None:
            return True
        origin = _normalised(origin)
        return origin in self._allowed or _is_same_host(origin, host)

    def cors_headers(self, origin: str | None) -> dict[str, str]:
        """The headers by which a browser lets a listed foreign origin read the response."""
        if origin is None:
            return {}
        if _normalised(origin) not in self._allowed:
            return {"Vary": "Origin"}
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Credentials": "true",
            "Access-Control-Expose-Headers": "Retry-After",
            "Vary": "Origin",
        }

    def preflight_headers(self, origin: str) -> dict[str, str]:
        """What a browser asks before a cross-origin request of its page."""
        return {
            **self.cors_headers(origin),
            "Access-Control-Allow-Methods": "GET, POST",
            "Access-Control-Allow-Headers": "authorization, content-type, last-event-id",
            "Access-Control-Max-Age": "600",
        }


def _normalised(origin: str) -> str:
    return origin.strip().rstrip("/").lower()


def _is_same_host(origin: str, host: str | None) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    if not host or parts.scheme not in _DEFAULT_PORTS:
        return False
    default = _DEFAULT_PORTS[parts.scheme]
    return parts.netloc.removesuffix(default) == host.lower().removesuffix(default)
