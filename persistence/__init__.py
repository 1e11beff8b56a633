"""What remembers: SQL and Redis adapters, each beside its embedded twin."""
