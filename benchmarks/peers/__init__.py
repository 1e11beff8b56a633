"""Servers that others wrote, each serving the same bytes from memory in the best way that its manual names."""
