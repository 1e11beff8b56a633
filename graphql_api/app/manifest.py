"""The manifest of trusted documents: a file that a client's build writes and the server reads at its start."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graphql_api.app.settings import Settings
    from graphql_api.transport.trusted import TrustedDocument

OF_FRONTEND = (
    Path(__file__).parent / "built" / "persisted-documents.json",
    Path(__file__).parents[2] / "frontend" / "persisted-documents.json",
)
"""The frontend's own, in an installed package or beside the sources."""
FORMAT, VERSION = "apollo-persisted-query-manifest", 1


class ManifestRefused(Exception):
    """The manifest can't be used; the message names the file and says why."""


def manifest_file(settings: Settings) -> Path | None:
    """The file that is in force: the one of the settings, else the dashboard's if it is there."""
    if settings.trusted_documents is not None:
        return settings.trusted_documents
    return next((file for file in OF_FRONTEND if file.exists()), None)


def read_manifest(file: Path) -> tuple[TrustedDocument, ...]:
    """The documents of a manifest in Apollo's format, their ids checked against their texts.

    Raises:
        ManifestRefused: it can't be read, is no manifest, or an id is not the SHA-256 of its text.
    """
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is not JSON in UTF-8"
        raise ManifestRefused(f"The manifest {file} can't be read: {why}.") from error
    if not isinstance(manifest, dict) or (manifest.get("format"), manifest.get("version")) != (
        FORMAT,
        VERSION,
    ):
        raise ManifestRefused(f"The manifest {file} is not of the format '{FORMAT}', version {VERSION}.")
    operations = manifest.get("operations")
    if not isinstance(operations, list):
        raise ManifestRefused(f"The manifest {file} has no list 'operations'.")
    return tuple(_document(it, at, file) for at, it in enumerate(operations, start=1))


def _document(entry: object, at: int, file: Path) -> TrustedDocument:
    from graphql_api.transport.trusted import TrustedDocument

    fields = entry if isinstance(entry, dict) else {}
    name, body, given = (fields.get(key) for key in ("name", "body", "id"))
    if not (isinstance(name, str) and isinstance(body, str) and isinstance(given, str)):
        raise ManifestRefused(
            f"Operation {at} of the manifest {file} needs the texts 'id', 'name' and 'body'."
        )
    digest = hashlib.sha256(body.encode()).hexdigest()
    if given.lower().removeprefix("sha256:") != digest:
        raise ManifestRefused(
            f"Operation '{name}' of the manifest {file} has the id {given}, which is not the SHA-256 of its body."
        )
    return TrustedDocument(digest, name, body)
