"""Puts the built pages of frontend/ and the manifest of their operations into the wheel."""

from pathlib import Path

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PLACE = "graphql_api/app/built"
MANIFEST = "persisted-documents.json"


class FrontendHook(BuildHookInterface[BuilderConfig]):
    """Includes frontend/dist as it is; an editable installation reads it where it lies."""

    def initialize(self, version: str, build_data: dict[str, dict[str, str]]) -> None:
        """Add the folder to the wheel.

        Raises:
            FileNotFoundError: the pages were not built.
        """
        if version == "editable":
            return
        frontend = Path(self.root) / "frontend"
        if not (frontend / "dist" / "graphiql.html").is_file():
            raise FileNotFoundError(
                "frontend/dist is not there: run scripts/build-frontend, then build again."
            )
        included = build_data.setdefault("force_include", {})
        included[str(frontend / "dist")] = PLACE
        included[str(frontend / MANIFEST)] = f"{PLACE}/{MANIFEST}"
