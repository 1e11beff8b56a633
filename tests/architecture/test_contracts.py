"""The import contracts of our own find what they are made for."""

import pytest

from tests.architecture.contracts import ConfinedPackages, StandardLibraryOnly

DOMAIN = StandardLibraryOnly("domain", {}, {"package": "domain"})
REDIS = ConfinedPackages("redis", {}, {"packages": ["redis"], "importers": ["persistence"]})


@pytest.mark.parametrize(
    ("importer", "imported", "illegal"),
    [
        ("domain.tasks", "pydantic", True),
        ("domain", "persistence.tables", True),
        ("domain.tasks", "domain.errors", False),
        ("domain.tasks", "asyncio", False),
        ("domains_apart", "pydantic", False),
    ],
)
def test_the_domain_may_import_itself_and_the_standard_library(
    importer: str, imported: str, illegal: bool
) -> None:
    assert DOMAIN.illegal(importer, imported) is illegal


@pytest.mark.parametrize(
    ("importer", "imported", "illegal"),
    [
        ("domain.tasks", "redis", True),
        ("graphql_api.app.main", "redis.asyncio", True),
        ("persistence.redis", "redis", False),
        ("domain.tasks", "redistribution", False),
    ],
)
def test_a_confined_package_is_imported_only_where_it_belongs(
    importer: str, imported: str, illegal: bool
) -> None:
    assert REDIS.illegal(importer, imported) is illegal
