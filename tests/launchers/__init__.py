"""Real servers and faulty networks that a test starts, owns and ends."""
