"""Wire constants of Databento MBO records, as the kernels use them.

Every number comes from Databento's own package; nothing is written down a second time.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from databento_dbn import (
    F_LAST,
    F_SNAPSHOT,
    UNDEF_ORDER_SIZE,
    UNDEF_PRICE,
    Action,
    MBOMsg,
    Side,
)

__all__ = ["F_LAST", "F_SNAPSHOT", "UNDEF_ORDER_SIZE", "UNDEF_PRICE"]

ADD: Final = ord(str(Action.ADD))
CANCEL: Final = ord(str(Action.CANCEL))
MODIFY: Final = ord(str(Action.MODIFY))
CLEAR: Final = ord(str(Action.CLEAR))
TRADE: Final = ord(str(Action.TRADE))
FILL: Final = ord(str(Action.FILL))
NONE: Final = ord(str(Action.NONE))

ASK: Final = ord(str(Side.ASK))
BID: Final = ord(str(Side.BID))
NO_SIDE: Final = ord(str(Side.NONE))

RECORD: Final = np.dtype([(name, "u1" if kind == "S1" else kind) for name, kind in MBOMsg._dtypes])
"""One 56-byte MBO record; `action` and `side` are the ASCII codes of their letters."""
