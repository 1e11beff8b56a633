"""The GraphQL types and their one-line resolvers, one module per area of the domain."""
