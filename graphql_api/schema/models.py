"""Models as GraphQL sees them."""

from __future__ import annotations

import strawberry

from domain.models import entities


@strawberry.type(description="A provider's model. codelab/default is the deployment's own choice.")
class ModelRef:
    """A model."""

    provider: str = strawberry.field(description="Who serves it; `codelab` is this deployment.")
    name: str = strawberry.field(description="What it is called there; `default` is the deployment's choice.")

    @classmethod
    def of(cls, model: entities.ModelRef) -> ModelRef:
        """From the entity."""
        return cls(provider=model.provider, name=model.name)


@strawberry.input(description="A provider's model; the name passes through unchanged.")
class ModelInput:
    """A model."""

    provider: str = strawberry.field(
        description="Who serves it, 1 to 100 characters; `codelab` is this deployment."
    )
    name: str = strawberry.field(description="What it is called there, 1 to 200 characters.")

    @property
    def entity(self) -> entities.ModelRef:
        """As the domain has it."""
        return entities.ModelRef(self.provider, self.name)
