"""The memory index on Qdrant, and its twin."""
