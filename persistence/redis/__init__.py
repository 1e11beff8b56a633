"""The server twins on Redis: shared by all processes, and a loss costs speed only."""
