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

    Of a WebSocket's operations `operations_at_work` run side by side and the others wait for their
    turn, so that one socket neither holds up everybody else nor has many answers lie ready that it
    does not read; a subscription gives its turn back once it has begun.

    `subscriptions_per_user` and `sockets_per_user` hold for one process; without a sign-in they hold
    for an address. `newcomers_per_address` are WebSockets that have not been initialised yet.
    """

    body_bytes: int = 2 * 1024 * 1024
    body_s: float = 30.0
    frame_bytes: int = 2 * 1024 * 1024
    operation_s: float = 60.0
    connection_init_s: float = 10.0
    operations_per_connection: int = 1_000
    operations_at_work: int = 32
    subscriptions_per_connection: int = 1_000
    subscriptions_per_user: int = 2_000
    sockets_per_user: int = 2_000
    newcomers_per_address: int = 1_000
    stall_s: float = 10.0
    ping_s: float = 30.0
    keep_alive_s: float = 15.0
