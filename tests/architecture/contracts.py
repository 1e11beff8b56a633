"""Import contracts that import-linter does not bring along."""

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import cast

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class _LinkContract(Contract, ABC):
    """A contract that is broken by single imports, each reported as a line."""

    @abstractmethod
    def illegal(self, importer: str, imported: str) -> bool:
        """Whether this one import breaks the contract."""

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Report every import that breaks the contract."""
        return ContractCheck(
            kept=not (links := [f"{a} -> {b}" for a, b in _imports(graph) if self.illegal(a, b)]),
            metadata={"links": links},
        )

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print the imports that break the contract."""
        for link in check.metadata["links"]:
            output.print_error(f"- {link}", bold=False)
        output.new_line()


class StandardLibraryOnly(_LinkContract):
    """A package that may import itself and the standard library, and nothing else.

    Option `package`: its name. A dependency that is added tomorrow is refused as well.
    """

    type_name = "standard_library_only"

    package = fields.StringField()

    def illegal(self, importer: str, imported: str) -> bool:
        """Whether the import leaves both the package and the standard library."""
        package = str(self.package)
        return (
            _within(importer, package)
            and not _within(imported, package)
            and imported.partition(".")[0] not in sys.stdlib_module_names
        )


class ConfinedPackages(_LinkContract):
    """Third-party packages that only some of our modules may import.

    Options `packages`: their names, imported today or not; `importers`: the modules that may, with all below them.
    """

    type_name = "confined_packages"

    packages = fields.ListField(subfield=fields.StringField())
    importers = fields.ListField(subfield=fields.StringField())

    def illegal(self, importer: str, imported: str) -> bool:
        """Whether somebody who may not imports one of the packages."""
        packages = cast("list[str]", self.packages)
        importers = cast("list[str]", self.importers)
        return any(_within(imported, each) for each in packages) and not any(
            _within(importer, each) for each in importers
        )


def _imports(graph: ImportGraph) -> Iterator[tuple[str, str]]:
    for importer in sorted(graph.modules):
        for imported in sorted(graph.find_modules_directly_imported_by(importer)):
            yield importer, imported


def _within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")
