"""Tasks: the queue and the journal of the engine."""
