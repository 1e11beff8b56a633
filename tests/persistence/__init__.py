"""What remembers, tested on every twin."""
