"""Arguments that several fields have, each with its description."""

from __future__ import annotations

from typing import Annotated

import strawberry

First = Annotated[
    int | None, strawberry.argument(description="Rows on the page from its start, 0 to 100; null is 50.")
]
After = Annotated[
    str | None,
    strawberry.argument(description="Only rows behind this cursor of a row; null begins at the start."),
]
Last = Annotated[
    int | None,
    strawberry.argument(
        description="Rows on the page from its end, 0 to 100; not together with `first` or `after`."
    ),
]
Before = Annotated[
    str | None,
    strawberry.argument(description="Only rows ahead of this cursor of a row; null begins at the end."),
]
ProjectId = Annotated[strawberry.ID, strawberry.argument(description="Which project.")]
AgentId = Annotated[strawberry.ID, strawberry.argument(description="Which agent.")]
SessionId = Annotated[strawberry.ID, strawberry.argument(description="Which session.")]
MessageId = Annotated[strawberry.ID, strawberry.argument(description="Which message.")]
RunId = Annotated[strawberry.ID, strawberry.argument(description="Which run.")]
IdempotencyKey = Annotated[
    str,
    strawberry.argument(
        description="1 to 200 characters that you make up. The same key with the same input returns the same run"
        " for the session's life; with other input it is a Conflict."
    ),
]
