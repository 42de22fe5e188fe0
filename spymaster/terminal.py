"""The terminal that tables are printed to."""

from __future__ import annotations

import sys

from rich.console import Console


def console(width: int = 120) -> Console:
    """Return the console of stdout; where that is no terminal it is `width` columns wide.

    A pipe has no width of its own, and a name cut short cannot be searched for.

    >>> console(100).width
    100
    """
    return Console() if sys.stdout.isatty() else Console(width=width)
