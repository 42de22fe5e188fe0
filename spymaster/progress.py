"""Progress of long work: a bar with rate and time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

PLAIN_LINE_EVERY_SECONDS = 5.0


class Advance(Protocol):
    """What `progress` gives: a function to call with each amount done."""

    def __call__(self, done: int, total: int | None = None) -> None:
        """Add an amount; `total` corrects a total that could only be estimated."""


class _RateColumn(ProgressColumn):
    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{count_text(speed)} {self.unit}/s" if speed else "")


def count_text(count: float) -> str:
    """Return a count in at most six characters.

    >>> count_text(0.25), count_text(950), count_text(12_345), count_text(4_200_000)
    ('0.25', '950', '12.3k', '4.2M')
    """
    for divisor, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= divisor:
            return f"{count / divisor:.1f}{suffix}"
    return f"{count:.2g}" if count < 10 else f"{count:.0f}"


@contextmanager
def progress(title: str, total: int | None, unit: str) -> Iterator[Advance]:
    """Show how far a piece of work is; yields a function to call with each amount done.

    `total` is in `unit`s (None if unknown). Writes to stderr, so that stdout stays clean for pipes.

    >>> with progress("reading", 10, "messages") as advance:
    ...     advance(10)
    """
    if sys.stderr.isatty():
        with _bar(title, total, unit) as advance:
            yield advance
    else:
        with _plain_lines(title, total, unit) as advance:
            yield advance


@contextmanager
def _bar(title: str, total: int | None, unit: str) -> Iterator[Advance]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        _RateColumn(unit),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=total)

        def advance(done: int, total: int | None = None) -> None:
            bar.update(task, advance=done, total=total)

        yield advance


@contextmanager
def _plain_lines(title: str, total: int | None, unit: str) -> Iterator[Advance]:
    start = last_line = time.monotonic()
    sum_done, last_total = 0, total

    def advance(done: int, total: int | None = None) -> None:
        nonlocal sum_done, last_total, last_line
        sum_done += done
        last_total = total or last_total
        now = time.monotonic()
        if now - last_line < PLAIN_LINE_EVERY_SECONDS:
            return
        last_line = now
        rate = sum_done / (now - start)
        line = f"{title}: {count_text(sum_done)} {unit}, {count_text(rate)}/s"
        if last_total and rate:
            left = max(last_total - sum_done, 0)
            line += f", {100 * sum_done / last_total:.0f} %, {left / rate:.0f} s left"
        print(line, file=sys.stderr, flush=True)

    yield advance
    seconds = time.monotonic() - start
    rate_text = f" ({count_text(sum_done / seconds)}/s)" if seconds > 0 else ""
    print(
        f"{title}: {sum_done:,} {unit} in {seconds:.1f} s{rate_text}", file=sys.stderr, flush=True
    )
