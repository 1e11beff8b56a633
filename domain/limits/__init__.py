"""How much of the service one caller may use."""
