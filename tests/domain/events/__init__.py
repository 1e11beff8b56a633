"""Session events and their exact reader."""
