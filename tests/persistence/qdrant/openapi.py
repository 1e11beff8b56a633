"""A Qdrant server's published description: what its operations take."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs

Json = dict[str, Any]


class Description:
    """Finds the operation of a request and checks its body; what is not described is refused.

    Args:
        file: The description, as Qdrant publishes it (OpenAPI 3.0).
    """

    def __init__(self, file: Path) -> None:
        description: Json = json.loads(file.read_text())
        self._paths: Mapping[str, Json] = description["paths"]
        self._components = _strict(description["components"])

    def assert_allows(self, request: httpx.Request) -> str:
        """Fail unless a request is described; the operation's path as it is described."""
        fitting = [each for each in self._paths if _matches(each, request.url.path)]
        template = min(fitting, key=lambda each: each.count("{"))
        operation = self._paths[template][request.method.lower()]
        if body := operation.get("requestBody"):
            schema = _strict(body["content"]["application/json"]["schema"])
            self._assert_valid(schema, json.loads(request.content))
        known = {each["name"] for each in operation.get("parameters", [])}
        assert set(request.url.params) <= known
        return template

    def _assert_valid(self, schema: Json, body: object) -> None:
        validator = jsonschema_rs.Draft202012Validator({**schema, "components": self._components})
        assert [f"{each.instance_path}: {each.message}" for each in validator.iter_errors(body)] == []


def _matches(template: str, path: str) -> bool:
    return re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", template), path) is not None


def _strict(schema: Any) -> Any:
    """The schema as JSON Schema: `nullable` is a type of its own, and an object has no other properties."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if schema == {"nullable": True}:
        return {"type": "null"}
    strict = {key: _strict(value) for key, value in schema.items() if key != "nullable"}
    if schema.get("nullable") is True and isinstance(schema.get("type"), str):
        strict["type"] = [schema["type"], "null"]
    if schema.get("type") == "object" and "properties" in schema:
        strict.setdefault("additionalProperties", False)
    return strict
