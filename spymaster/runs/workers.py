"""Worker processes that stay warm: dbt is imported and the graph read once, then day follows day.

Processes, because dbt runs once at a time in one; spawned, because DuckDB and numba have threads that a
fork would cut. A worker ends with its parent, however that ends: it holds the reading end of a pipe whose
writing end only the parent has.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from spymaster.runs.day import DayResult, DayTask, run_day

_TRIES = 2


@dataclass
class _Worker:
    process: BaseProcess
    connection: Connection[Any, Any]
    lifeline: Connection[Any, Any]
    task: DayTask | None = None
    tries: int = 0


class WorkerPool:
    """Up to `count` worker processes, started when there is work; a context manager that ends them.

    Left by an exception (Ctrl-C), it kills them.
    """

    def __init__(self, count: int, environment: dict[str, str], say: Callable[[str], None]) -> None:
        self._count, self._environment, self._say = count, environment, say
        self._workers: list[_Worker] = []

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for worker in self._workers:
            if kind is not None:
                worker.process.kill()
            worker.connection.close()
        for worker in self._workers:
            worker.process.join()
            worker.lifeline.close()
        self._workers.clear()

    @property
    def has_room(self) -> bool:
        """Whether a task given now is begun now."""
        return sum(worker.task is not None for worker in self._workers) < self._count

    @property
    def running(self) -> list[DayTask]:
        """The tasks that are under way."""
        return [worker.task for worker in self._workers if worker.task is not None]

    def submit(self, task: DayTask) -> None:
        """Begin a task; there must be room."""
        self._begin(task, tries=1)

    def wait(self) -> list[DayResult]:
        """Wait until a task is done and return the results there are."""
        busy = {worker.connection: worker for worker in self._workers if worker.task is not None}
        results = []
        ready = wait(list(busy))
        for worker in (worker for connection, worker in busy.items() if connection in ready):
            result = self._hear(worker)
            if result is not None:
                results.append(result)
        return results

    def _begin(self, task: DayTask, tries: int) -> None:
        idle = next((worker for worker in self._workers if worker.task is None), None)
        worker = idle or self._start()
        worker.task, worker.tries = task, tries
        with contextlib.suppress(OSError):  # it has died; wait() finds out
            worker.connection.send(task)

    def _start(self) -> _Worker:
        _start_quiet_tracker()  # which lets Ctrl-C through again
        with _ctrl_c_held():
            return self._start_worker()

    def _start_worker(self) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        reading, writing = context.Pipe(duplex=False)
        process = context.Process(
            target=_work, args=(theirs, reading, self._environment), daemon=True
        )
        process.start()
        theirs.close()
        reading.close()
        worker = _Worker(process, ours, writing)
        self._workers.append(worker)
        return worker

    def _hear(self, worker: _Worker) -> DayResult | None:
        try:
            message = worker.connection.recv()
        except (EOFError, OSError):
            return self._bury(worker)
        if isinstance(message, str):
            self._say(message)
            return None
        worker.task = None
        result: DayResult = message
        return result

    def _bury(self, worker: _Worker) -> DayResult | None:
        """Begin a dead worker's task once more in another; the second time it has failed."""
        self._workers.remove(worker)
        worker.lifeline.close()
        worker.connection.close()
        worker.process.join()
        task, how = worker.task, _end_of(worker.process)
        if task is None:
            return None
        if worker.tries < _TRIES:
            self._say(f"{task}: the worker {how}; once more")
            self._begin(task, worker.tries + 1)
            return None
        return DayResult(
            task.asked or task.symbol, task.symbol, task.dt, "failed",
            f"the worker {how}, {_TRIES} times; if memory ran out, give fewer --workers",
        )  # fmt: skip


@contextlib.contextmanager
def _ctrl_c_held() -> Iterator[None]:
    """Hold Ctrl-C back from this thread, and from a process that is started meanwhile.

    It would otherwise reach a worker before that ignores it, while its modules are imported.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_quiet_tracker() -> None:
    """Start Python's resource tracker, which frees what killed workers held, without a warning of it."""
    before = os.environ.get("PYTHONWARNINGS")
    os.environ["PYTHONWARNINGS"] = "ignore:resource_tracker:UserWarning"
    try:
        resource_tracker.ensure_running()
    finally:
        if before is None:
            del os.environ["PYTHONWARNINGS"]
        else:
            os.environ["PYTHONWARNINGS"] = before


def _end_of(process: BaseProcess) -> str:
    code = process.exitcode or 0
    return f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"


def _work(
    connection: Connection[Any, Any], lifeline: Connection[Any, Any], environment: dict[str, str]
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    os.environ.update(environment)
    threading.Thread(target=_end_with_parent, args=(lifeline,), daemon=True).start()
    sys.stdout = _Lines(connection.send)
    while True:
        try:
            task = connection.recv()
        except (EOFError, OSError):
            return
        connection.send(run_day(task))


def _end_with_parent(lifeline: Connection[Any, Any]) -> None:
    try:
        lifeline.recv_bytes()
    except (EOFError, OSError):
        os._exit(1)


class _Lines:
    """Standard output of a worker: its lines go to the parent, who knows where to write them."""

    encoding = "utf-8"

    def __init__(self, send: Callable[[str], None]) -> None:
        self._send, self._text = send, ""

    def write(self, text: str) -> int:
        *lines, self._text = (self._text + text).split("\n")
        for line in lines:
            if line.strip():
                self._send(line)
        return len(text)

    def flush(self) -> None:
        """Nothing waits but a line that has not ended."""

    def isatty(self) -> bool:
        return False
