"""The memory index on Qdrant: one compiler of requests, and the engine in a process of its own."""
