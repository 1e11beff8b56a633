"""Checks on the shape of the source tree itself."""
