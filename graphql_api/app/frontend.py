"""The built pages of frontend/ and the files behind them, or a page that says why they are not there."""

from __future__ import annotations

import asyncio
import re
from hashlib import sha256
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from graphql_api.app.start_page import FOLDER as PAGES
from graphql_api.app.start_page import HEADERS

PACKAGED = Path(__file__).parent / "built"
CHECKED_OUT = Path(__file__).parents[2] / "frontend" / "dist"
GRAPHIQL_PATH = "/graphiql"
ASSET_PATH = "/assets/{name}"

_POLICY = HEADERS["Content-Security-Policy"]
GRAPHIQL_HEADERS = {
    **HEADERS,
    "Content-Security-Policy": f"{_POLICY}; style-src 'self' 'unsafe-inline'; img-src 'self' data:",
}
"""Monaco, the editor in GraphiQL, writes styles of its own into the page and has small pictures in its style sheet."""
ASSET_HEADERS = {**HEADERS, "Cache-Control": "public, max-age=31536000, immutable"}
"""A file is named by its content, so a name never means anything else."""
_NAME = re.compile(r"[\w-][\w.-]*", re.ASCII)


def frontend(dist: Path | None = None) -> list[Route]:
    """The routes of GraphiQL and of all assets, read from `dist` at each request: a build needs no restart.

    By default it is the folder that came with the package, else the one of the checkout.
    """
    pages = Pages(dist or (PACKAGED if PACKAGED.is_dir() else CHECKED_OUT))
    return [Route(GRAPHIQL_PATH, pages.graphiql), Route(ASSET_PATH, pages.asset)]


class Pages:
    """Serves one folder of built pages."""

    def __init__(self, dist: Path) -> None:
        self._dist = dist

    async def graphiql(self, request: Request) -> Response:
        """GraphiQL, or 404 with a page that says how to get it."""
        try:
            content = await asyncio.to_thread((self._dist / "graphiql.html").read_bytes)
        except OSError:
            content = await asyncio.to_thread((PAGES / "no-graphiql.html").read_bytes)
            return Response(content, status_code=404, headers=HEADERS, media_type="text/html")
        tag = f'"{sha256(content).hexdigest()[:32]}"'
        headers = {**GRAPHIQL_HEADERS, "ETag": tag}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(content, headers=headers, media_type="text/html")

    async def asset(self, request: Request) -> Response:
        """One file; never a page in the place of a missing one."""
        name: str = request.path_params["name"]
        path = self._dist / "assets" / name
        if not _NAME.fullmatch(name) or not await asyncio.to_thread(path.is_file):
            return PlainTextResponse("There is no such file.", status_code=404, headers=HEADERS)
        return FileResponse(path, headers=ASSET_HEADERS)
