"""What the fields of the schema weigh in an operation's complexity, where it is not one point."""

from __future__ import annotations

from graphql_api.limits.cost import Weights

WEIGHTS = Weights(
    fields={
        "AgentMemory.search": 50,  # vectors of the query, a search of the index, and reading what it finds
        "Agent.statistics": 5,  # reads the last hundred tasks of each agent
        "Message.siblings": 5,  # a statement for all messages, a row for each version
        "Project.sessions": 10,  # may look into every title
    },
    lists={
        "AgentMemory.search": 10,  # what it finds unless it is asked for more
        "Session.availableAgents": 100,
        "User.signIns": 10,
    },
    whole={
        "Query.__schema": 7_000,  # counted in the answer to a tool's introspection query
        "Query.__type": 200,
    },
)
"""By coordinate. A test holds each to a field that exists."""
