"""What CodeLab is: entities, state machines, use cases and the ports they need."""
