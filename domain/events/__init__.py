"""Session events: what they say, how they are kept live, and how a reader misses none."""
