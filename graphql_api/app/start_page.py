"""The page that a new user sees first, and the schema as text beside it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from graphql_api.app.schema_text import schema_text

FOLDER = Path(__file__).parent / "page"
FILES = {
    "/": ("index.html", "text/html"),
    "/start.js": ("start.js", "text/javascript"),
    "/style.css": ("style.css", "text/css"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
    "/ru.json": ("ru.json", "application/json"),
}
SCHEMA_PATH = "/schema.graphql"
_OF_SCHEMA = re.compile(rb"<!-- schema -->.*?<!-- /schema -->\n", re.DOTALL)
"""What a page says of the schema, which not everybody shows."""
PATHS = (*FILES, SCHEMA_PATH)
HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Nothing from elsewhere, nothing inline, in nobody's frame."""


def start_page(schema: Callable[[], str] | None = schema_text) -> list[Route]:
    """The routes of the page's files and of the schema, which is asked for once, when somebody first reads it.

    Without a schema there is no route to it, and the page does not speak of it.
    """
    files = [
        Route(path, partial(_file, _read(name, of_schema=schema is not None), media_type))
        for path, (name, media_type) in FILES.items()
    ]
    return files if schema is None else [*files, Route(SCHEMA_PATH, partial(_schema, cache(schema)))]


def _read(name: str, *, of_schema: bool) -> bytes:
    content = (FOLDER / name).read_bytes()
    return content if of_schema else _OF_SCHEMA.sub(b"", content)


async def _file(content: bytes, media_type: str, _: Request) -> Response:
    return Response(content, headers=HEADERS, media_type=media_type)


async def _schema(text: Callable[[], str], _: Request) -> Response:
    return Response(text(), headers=HEADERS, media_type="text/plain")
