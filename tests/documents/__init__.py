"""What the documents say is there, and the commands that they print work."""
