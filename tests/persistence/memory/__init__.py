"""The embedded twins."""
