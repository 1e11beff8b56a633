"""Sessions, messages and runs."""
