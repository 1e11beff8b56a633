"""Reading the body of a POST: JSON by its content type, in time, and not too large."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

from graphql_api.transport.errors import Code, Refused, refused
from graphql_api.transport.negotiation import JSON


async def read_json(request: Request, *, max_bytes: int, timeout_s: float) -> bytes:
    """The bytes of a body that says it is JSON in UTF-8.

    Raises:
        Refused: another content type, charset or encoding (415), too large (413), too slow (408).
    """
    _check_type(request)
    if (length := request.headers.get("content-length", "")).isdecimal() and int(length) > max_bytes:
        raise _too_large(max_bytes)
    try:
        async with asyncio.timeout(timeout_s):
            return await _read(request, max_bytes)
    except TimeoutError:
        close = {"Connection": "close"}  # the rest of the body is not waited for
        raise refused(Code.TIMEOUT, "The body did not arrive in time.", status=408, headers=close) from None


def _check_type(request: Request) -> None:
    media, *parameters = (
        piece.strip().lower() for piece in request.headers.get("content-type", "").split(";")
    )
    charset = next(
        (it.partition("=")[2].strip('"') for it in parameters if it.startswith("charset=")), "utf-8"
    )
    encoding = request.headers.get("content-encoding", "identity").lower()
    if media != JSON or charset not in {"utf-8", "utf8"} or encoding != "identity":
        message = f"Send {JSON} in UTF-8, not encoded further."
        raise refused(Code.UNSUPPORTED_MEDIA_TYPE, message, status=415, headers={"Accept-Post": JSON})


async def _read(request: Request, max_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
    return bytes(body)


def _too_large(max_bytes: int) -> Refused:
    return refused(Code.TOO_LARGE, f"The body has more than {max_bytes} bytes.", status=413, limit=max_bytes)
