"""Agents, their versions, and the one who answers."""
