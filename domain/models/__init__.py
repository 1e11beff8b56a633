"""Language models: what is asked of one, what it answers, and how it fails."""
