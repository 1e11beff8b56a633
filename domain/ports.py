"""What the whole domain asks of its surroundings: time and fresh ids."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

Clock = Callable[[], datetime]
"""Now, in UTC; only for display and for tokens: deadlines are decided by the database."""

NewId = Callable[[], UUID]
"""A fresh UUIDv7."""
