"""The door of CodeLab: how the outside world reaches the use cases over GraphQL."""
