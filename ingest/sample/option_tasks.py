"""What the option market does next: its state machine's states."""

from __future__ import annotations

from typing import Final

SNAPSHOT: Final = 0
STEP: Final = 1
REQUOTE: Final = 2
NOISE: Final = 3
