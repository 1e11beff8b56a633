"""What CodeLab is: entities, state machines, use cases and the ports they need."""

from domain.timeouts import mend

mend()
