"""Language models: any OpenAI-compatible endpoint, and the built-in offline one."""
