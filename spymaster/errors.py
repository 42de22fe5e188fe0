"""The one exception that stands for a user's mistake or unusable data, and the exit code of Ctrl-C."""

from typing import Final

INTERRUPTED: Final = 130
"""The exit code that a shell gives for SIGINT."""


class UserError(Exception):
    """What is wrong, where, and what to do, in one line; the command line prints it and exits 1.

    Anything else that escapes a command is a defect of ours and keeps its traceback.

    >>> str(UserError("no such file: es.dbn.zst"))
    'no such file: es.dbn.zst'
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))
