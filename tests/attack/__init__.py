"""What hostile clients try: each attempt is refused or bounded, and nobody else notices."""
