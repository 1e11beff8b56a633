"""What lives outside and remembers nothing: models and other services we call."""
