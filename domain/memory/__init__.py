"""Memory: what an agent remembers, finds again and forgets."""
