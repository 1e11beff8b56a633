"""The protocols that carry GraphQL: HTTP POST, WebSocket and server-sent events."""
