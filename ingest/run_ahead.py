"""Let the producer of a stream run in a thread, a bounded number of items ahead of its consumer."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator
from typing import TypeVar

Item = TypeVar("Item")
_POLL_SECONDS = 0.1


def run_ahead(source: Generator[Item, None, None], depth: int) -> Generator[Item, None, None]:
    """Yield what `source` yields, which runs in a thread, at most `depth` items ahead.

    An exception of `source` is raised here, after the items before it. Closing this generator
    closes `source` and waits for its thread.

    >>> list(run_ahead((n * n for n in range(4)), depth=2))
    [0, 1, 4, 9]
    """
    items: queue.Queue[tuple[Item] | BaseException | None] = queue.Queue(depth)
    stopped = threading.Event()

    def put(item: tuple[Item] | BaseException | None) -> None:
        while not stopped.is_set():
            try:
                return items.put(item, timeout=_POLL_SECONDS)
            except queue.Full:
                continue

    def produce() -> None:
        try:
            for item in source:
                put((item,))
                if stopped.is_set():
                    break
            source.close()
            put(None)
        except BaseException as error:
            put(error)

    thread = threading.Thread(target=produce, name="run_ahead", daemon=True)
    thread.start()
    try:
        while (item := items.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item[0]
    finally:
        stopped.set()
        thread.join()
