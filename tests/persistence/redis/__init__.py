"""The Redis twins, on a real server."""
