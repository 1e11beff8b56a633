"""The embedded twins: one process, nothing outlives it."""
