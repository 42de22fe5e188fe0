"""Bounds of what a client may ask for, and the buckets that hold it to them."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds of the service; the defaults suit one machine and the people around it."""

    clients: int = 2000
    """WebSocket connections at a time."""
    requests_a_second: float = 200.0
    """Requests and handshakes of one address, after a burst of `request_burst`."""
    request_burst: int = 2500
    readers: int = 16
    """Answers with rows (bootstrap, surfaces) that are written at a time."""
    controls_a_second: float = 50.0
    """Control messages of one connection, after a burst of `control_burst`."""
    control_burst: int = 200
    bad_controls: int = 20
    """Control messages that make no sense, until the connection is closed."""
    request_seconds: float = 10.0
    """Until a request's head must have arrived."""
    stall_seconds: float = 30.0
    """Until a client that takes no data of an answer is dropped."""
    days: int = 2
    """Days kept in memory."""
    open_days: int = 6
    """Days in memory at most, those that only their watchers keep included."""


MAX_CONTROL_BYTES = 4096
"""Longest control message."""


class TokenBucket:
    """Lets `rate` things a second pass, and `burst` at once.

    >>> bucket = TokenBucket(1, 2, lambda: 0.0)
    >>> bucket.take(), bucket.take(), bucket.take()
    (True, True, False)
    """

    def __init__(
        self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._level, self._at = burst, clock()

    def take(self) -> bool:
        """Return whether one more may pass now."""
        now = self._clock()
        self._level = min(self._burst, self._level + (now - self._at) * self._rate)
        self._at = now
        if self._level < 1:
            return False
        self._level -= 1
        return True


class AddressBuckets:
    """A bucket for each of the last addresses seen."""

    def __init__(self, rate: float, burst: float, addresses: int = 1024) -> None:
        self._rate, self._burst, self._addresses = rate, burst, addresses
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def take(self, address: str) -> bool:
        """Return whether one more request of the address may pass now."""
        bucket = self._buckets.get(address) or TokenBucket(self._rate, self._burst)
        self._buckets[address] = bucket
        self._buckets.move_to_end(address)
        while len(self._buckets) > self._addresses:
            self._buckets.popitem(last=False)
        return bucket.take()
