"""The manifest of trusted documents: read, checked and put to use at the start, or the start is refused."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from graphql_api.app import manifest as module
from graphql_api.app.main import open_parts
from graphql_api.app.manifest import ManifestRefused, manifest_file, read_manifest
from graphql_api.app.setting_types import DocumentPolicy
from graphql_api.app.settings import Settings
from graphql_api.app.web import Web
from persistence.memory.index import PlainMemoryIndex
from tests.graphql_api.app.test_run import Command

SYSTEM = "query System { system { version } }"


def _hash(body: str) -> str:
    return sha256(body.encode()).hexdigest()


def _entry(body: str, **more: object) -> dict[str, object]:
    kind, name, *_ = body.split()
    return {"id": _hash(body), "name": name, "type": kind, "body": body, **more}


def _written(folder: Path, *operations: object, **more: object) -> Path:
    manifest = {"format": "apollo-persisted-query-manifest", "version": 1, "operations": operations, **more}
    file = folder / "manifest.json"
    file.write_text(json.dumps(manifest))
    return file


def test_the_documents_of_a_manifest_are_read_with_their_ids(tmp_path: Path) -> None:
    cyrillic = "query Привет { system { version } }"
    prefixed = _entry(cyrillic, id=f"sha256:{_hash(cyrillic).upper()}")

    documents = read_manifest(_written(tmp_path, _entry(SYSTEM), prefixed))

    assert [(it.id, it.name, it.body) for it in documents] == [
        (_hash(SYSTEM), "System", SYSTEM),
        (_hash(cyrillic), "Привет", cyrillic),
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "can't be read: it is not JSON in UTF-8."),
        ("[]", "is not of the format 'apollo-persisted-query-manifest', version 1."),
        ('{"format": "apollo-persisted-query-manifest", "version": 2}', "version 1."),
        ('{"format": "apollo-persisted-query-manifest", "version": 1}', "has no list 'operations'."),
        (
            '{"format": "apollo-persisted-query-manifest", "version": 1, "operations": [{"id": "x"}]}',
            "needs the texts 'id', 'name' and 'body'.",
        ),
        (
            '{"format": "apollo-persisted-query-manifest", "version": 1, "operations": ["query"]}',
            "Operation 1 of the manifest",
        ),
    ],
)
def test_what_is_no_manifest_is_refused_with_the_file_s_name(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "manifest.json"
    file.write_text(text)

    with pytest.raises(ManifestRefused) as refused:
        read_manifest(file)

    assert str(file) in str(refused.value)
    assert why in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestRefused, match="can't be read: No such file or directory"):
        read_manifest(tmp_path / "manifest.json")


def test_an_id_that_is_not_the_text_s_hash_is_refused(tmp_path: Path) -> None:
    file = _written(tmp_path, _entry(SYSTEM), _entry(f"{SYSTEM} ", id=_hash(SYSTEM)))

    with pytest.raises(ManifestRefused, match=r"Operation 'System' .* is not the SHA-256 of its body"):
        read_manifest(file)


def test_the_dashboard_s_manifest_is_in_force_where_it_was_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = tmp_path / "built.json"
    monkeypatch.setattr(module, "OF_FRONTEND", (built,))

    before = manifest_file(Settings())
    built.touch()

    assert (before, manifest_file(Settings())) == (None, built)
    assert manifest_file(Settings(trusted_documents=tmp_path / "own.json")) == tmp_path / "own.json"


async def test_the_application_runs_its_trusted_documents_and_no_others(tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path,
        trusted_documents=_written(tmp_path, _entry(SYSTEM)),
        documents=DocumentPolicy.TRUSTED,
    )
    async with open_parts(settings, memory_index=PlainMemoryIndex()) as parts:
        transport = httpx.ASGITransport(Web(parts).asgi)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            known = await http.post("/graphql", json={"documentId": f"sha256:{_hash(SYSTEM)}"})
            other = await http.post("/graphql", json={"query": "{ system { version } }"})

    assert "version" in known.json()["data"]["system"]
    assert (other.status_code, other.json()["errors"][0]["extensions"]["code"]) == (403, "UNTRUSTED_DOCUMENT")


async def test_the_dashboards_own_documents_fit(tmp_path: Path) -> None:
    own = module.OF_FRONTEND[-1]
    settings = Settings(data_dir=tmp_path, trusted_documents=own)

    assert len(read_manifest(own)) > 5
    async with open_parts(settings, memory_index=PlainMemoryIndex()) as parts:
        Web(parts)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("query Old { system { gone } }", "Cannot query field 'gone' on type 'System'"),
        ("query Wide { " + " ".join(f"a{i}: me {{ id }}" for i in range(21)) + " }", "the limit is 20"),
    ],
)
async def test_a_document_that_does_not_fit_refuses_the_start_by_name(
    tmp_path: Path, body: str, why: str
) -> None:
    file = _written(tmp_path, _entry(SYSTEM), _entry(body))

    settings = Settings(data_dir=tmp_path, trusted_documents=file)
    async with open_parts(settings, memory_index=PlainMemoryIndex()) as parts:
        with pytest.raises(ManifestRefused) as refused:
            Web(parts)

    said = str(refused.value)
    assert said.startswith(f"Operation '{body.split()[1]}' of the manifest {file} does not fit")
    assert why in said


@pytest.mark.slow
async def test_the_command_says_why_it_does_not_start(tmp_path: Path) -> None:
    file = _written(tmp_path, _entry("query Old { gone }"))
    serve = Command(tmp_path, "serve", CODELAB_TRUSTED_DOCUMENTS=str(file))

    await serve.printed(
        r"CodeLab can't start:\n  - Operation 'Old' of the manifest .* Cannot query field 'gone'"
    )

    assert await serve.process.ended() == 1
