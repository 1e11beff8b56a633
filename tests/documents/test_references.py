"""What the documents refer to is there."""

import re
from pathlib import Path

import pytest

from graphql_api.app.setting_types import ProcessRole
from graphql_api.app.settings import Settings, variable

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path.relative_to(ROOT) for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")) if path.is_file()
)
DECISIONS = sorted((ROOT / "docs/adr").glob("[0-9]*.md"))
ROOTS = ("domain", "persistence", "graphql_api", "integrations", "tests", "benchmarks", "docs", "scripts")
PATH = re.compile(rf"`((?:{'|'.join(ROOTS)})/[\w./-]*)`")


def _text(document: Path) -> str:
    return (ROOT / document).read_text()


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_every_link_into_the_repository_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", _text(document))

    assert [link for link in links if not (ROOT / document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_every_path_is_there(document: Path) -> None:
    assert [path for path in PATH.findall(_text(document)) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_every_setting_that_is_named_is_one(document: Path) -> None:
    known = {variable(name) for name in Settings.model_fields}
    named = set(re.findall(r"\b(?:CODELAB|OPENAI)_[A-Z_]*[A-Z]\b", _text(document)))

    assert named <= known


def test_the_architecture_is_short() -> None:
    assert len(_text(Path("ARCHITECTURE.md")).splitlines()) <= 200


def test_decisions_are_numbered_without_a_gap_and_have_the_same_parts() -> None:
    parts = re.findall(r"^## .+$", DECISIONS[0].read_text(), re.MULTILINE)

    assert [int(path.name[:4]) for path in DECISIONS] == list(range(len(DECISIONS)))
    for path in DECISIONS[1:]:
        text = path.read_text()
        assert text.startswith(f"# {path.name[:4]}. "), path.name
        assert re.findall(r"^## .+$", text, re.MULTILINE) == parts, path.name
        assert re.search(r"^> .+", text, re.MULTILINE), path.name


def test_the_operators_page_names_every_metric() -> None:
    from graphql_api.app.metrics import Metrics

    page = _text(Path("docs/operations.md"))
    families = [family.name for family in Metrics(version="1").registry.collect()]

    assert [name for name in families if name.startswith("codelab_") and name not in page] == []


def test_the_operators_page_names_every_role_of_a_process() -> None:
    page = _text(Path("docs/operations.md"))

    assert [role for role in ProcessRole if f"`{role}`" not in page and f"={role}`" not in page] == []
