"""A request that cannot be answered: the HTTP status and the reason in one line."""

from __future__ import annotations


class RefusalError(Exception):
    """Becomes `{"error": reason}` with its status, for HTTP and for WebSocket handshakes."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason
