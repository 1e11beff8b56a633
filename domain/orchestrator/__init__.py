"""Choosing who answers when nobody was named."""
