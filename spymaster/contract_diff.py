"""Whether a change of a contract breaks those who read the table, by Avro's resolution rules.

Two kinds of readers are asked: queries written for the old contract that meet new partitions, and code
written for the new one that meets partitions already in the lake, where an absent column that may be
NULL reads as NULL. Each field is decided by writing data of every kind its type allows and reading it
back under the other type with fastavro.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from fastavro import schemaless_reader, schemaless_writer

Json = dict[str, Any]

OLD_READERS: Final = "queries of the old contract on new partitions"
NEW_READERS: Final = "code of the new contract on partitions already in the lake"

_SAMPLES: Final[dict[str, Any]] = {
    "null": None,
    "boolean": True,
    "int": 1,
    "long": (1 << 53) + 1,  # no double can hold it
    "double": 0.5,
    "string": "text",
}


@dataclass(frozen=True)
class Change:
    """One difference between two contracts, and whom it breaks (empty: nobody)."""

    field: str
    text: str
    breaks: tuple[str, ...] = ()

    def __str__(self) -> str:
        if not self.breaks:
            return f"ok: {self.field} {self.text}"
        return f"breaks: {self.field} {self.text}: {' and '.join(self.breaks)}"


def contract_changes(old: Json, new: Json) -> list[Change]:
    """Return what changed between two Avro record schemas, removed fields first.

    Documentation, rules, bounds and the order of the fields do not count: readers go by name.

    >>> old = {"fields": [{"name": "a", "type": "long"}]}
    >>> new = {"fields": [{"name": "a", "type": "long"}, {"name": "b", "type": ["null", "int"]}]}
    >>> [str(change) for change in contract_changes(old, new)]
    ['ok: b added (int or null)']
    >>> [str(change) for change in contract_changes(new, old)]
    ['breaks: b removed (int or null): queries of the old contract on new partitions']
    """
    before = {field["name"]: field["type"] for field in old["fields"]}
    after = {field["name"]: field["type"] for field in new["fields"]}
    changes = [
        Change(name, f"removed ({_words(kind)})", (OLD_READERS,))
        for name, kind in before.items()
        if name not in after
    ]
    for name, kind in after.items():
        if name not in before:
            # An absent column reads as NULL, which only a nullable one may be.
            breaks = () if "null" in _branches(kind) else (NEW_READERS,)
            changes.append(Change(name, f"added ({_words(kind)})", breaks))
        elif kind != before[name]:
            text = f"changed from {_words(before[name])} to {_words(kind)}"
            changes.append(Change(name, text, tuple(_broken(before[name], kind))))
    return [change for change in changes if change.breaks or not _only_named(change, before, after)]


def breaking(changes: list[Change]) -> list[Change]:
    """Return the changes that break somebody."""
    return [change for change in changes if change.breaks]


def _only_named(change: Change, before: Json, after: Json) -> bool:
    """A changed name of an enum is of no concern to a reader of columns."""
    name = change.field
    return name in before and name in after and _anonymous(before[name]) == _anonymous(after[name])


def _broken(old: Any, new: Any) -> Iterator[str]:
    if _logical(old) != _logical(new) or not _can_read(old, written_as=new):
        yield OLD_READERS
    if _logical(old) != _logical(new) or not _can_read(new, written_as=old):
        yield NEW_READERS


def _can_read(reader: Any, written_as: Any) -> bool:
    return all(_reads(reader, written_as, value) for value in _values(written_as))


def _reads(reader: Any, writer: Any, value: Any) -> bool:
    def record(kind: Any) -> Json:
        fields = [{"name": "value", "type": _anonymous(kind)}]
        return {"type": "record", "name": "row", "fields": fields}

    data = io.BytesIO()
    schemaless_writer(data, record(writer), {"value": value})
    data.seek(0)
    try:
        read = schemaless_reader(data, record(writer), record(reader))
    except Exception:
        # fastavro raises several kinds of errors; all of them say that the reader cannot.
        return False
    return isinstance(read, dict) and read["value"] == value


def _values(kind: Any) -> Iterator[Any]:
    for branch in _branches(kind):
        if isinstance(branch, dict) and branch["type"] == "enum":
            yield from branch["symbols"]
        else:
            yield _SAMPLES[branch["type"] if isinstance(branch, dict) else branch]


def _branches(kind: Any) -> list[Any]:
    return kind if isinstance(kind, list) else [kind]


def _anonymous(kind: Any) -> Any:
    if isinstance(kind, list):
        return [_anonymous(branch) for branch in kind]
    return {**kind, "name": "symbols"} if isinstance(kind, dict) and "symbols" in kind else kind


def _logical(kind: Any) -> list[Any]:
    return [branch.get("logicalType") for branch in _branches(kind) if isinstance(branch, dict)]


def _words(kind: Any) -> str:
    names = []
    for branch in sorted(_branches(kind), key=lambda branch: branch == "null"):
        if isinstance(branch, dict):
            symbols = branch.get("symbols")
            names.append(f"one of {', '.join(symbols)}" if symbols else branch.get("logicalType"))
        else:
            names.append(branch)
    return " or ".join(str(name) for name in names)
