"""What every deletion answers."""

from __future__ import annotations

import strawberry


@strawberry.type(description="It is gone.")
class Deleted:
    """Gone."""

    id: strawberry.ID = strawberry.field(description="What was deleted.")
    cancelled_tasks: int = strawberry.field(description="Work that was cancelled with it.")

    @classmethod
    def of(cls, id: strawberry.ID, cancelled_tasks: int) -> Deleted:
        """From an id as the client gave it."""
        return cls(id=id, cancelled_tasks=cancelled_tasks)
