"""People: registering, signing in and out, and their preferences."""
