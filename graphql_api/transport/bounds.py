"""How much one client may ask of the transports; sizes in bytes, times in seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits that hold before and around any operation.

    A body or frame must have room for a tool's result of 1 MB. `stall_s` is how long a client may
    refuse to read before its connection is ended. `ping_s` is the quiet time after which a WebSocket
    is asked for a sign of life; one that stays silent for as long again is ended. `keep_alive_s` is
    the quiet time after which an event stream carries a comment (the graphql-sse protocol leaves it
    open; proxies commonly give up after 30 to 60).
    """

    body_bytes: int = 2 * 1024 * 1024
    body_s: float = 30.0
    frame_bytes: int = 2 * 1024 * 1024
    operation_s: float = 60.0
    connection_init_s: float = 10.0
    operations_per_connection: int = 1_000
    stall_s: float = 10.0
    ping_s: float = 30.0
    keep_alive_s: float = 15.0
