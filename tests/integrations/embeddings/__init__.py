"""The embedders: the built-in lexical one, and any OpenAI-compatible endpoint."""
