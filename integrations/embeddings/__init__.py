"""What turns texts into vectors: any OpenAI-compatible endpoint, and the built-in lexical embedder."""
