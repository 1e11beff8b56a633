"""Projects, the unit of isolation inside a user."""
