"""What the generated operations stand on: they are handed to an exchange, which knows how to reach the server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

from pydantic_core import to_jsonable_python

from codelab_client.generated.base_model import UNSET, BaseModel

Data = dict[str, Any]


class Exchange(Protocol):
    """Runs operations; variables are JSON already."""

    async def execute(self, query: str, *, operation_name: str, variables: Data) -> Data:
        """The data of a query or mutation."""
        ...

    def subscribe(self, query: str, *, operation_name: str, variables: Data) -> AsyncIterator[Data]:
        """The data of each event of a subscription."""
        ...


class OperationBase:
    """Gives each operation's text and variables to the exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def execute(
        self, query: str, operation_name: str | None = None, variables: Mapping[str, object] | None = None
    ) -> Data:
        """The data of a query or mutation."""
        return await self._exchange.execute(
            query, operation_name=operation_name or "", variables=json_of(variables or {})
        )

    def execute_ws(
        self, query: str, operation_name: str | None = None, variables: Mapping[str, object] | None = None
    ) -> AsyncIterator[Data]:
        """The data of each event of a subscription."""
        return self._exchange.subscribe(
            query, operation_name=operation_name or "", variables=json_of(variables or {})
        )

    @staticmethod
    def get_data(response: Data) -> Data:
        """What was answered; the exchange has looked for errors already."""
        return response


def json_of(variables: Mapping[str, object]) -> Data:
    """Variables as JSON; what was not given is left out."""
    return {name: _plain(value) for name, value in variables.items() if value is not UNSET}


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return to_jsonable_python(value)
