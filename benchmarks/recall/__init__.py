"""How well memories are found again: questions over long conversations, in English and Russian."""
