"""The census of records as tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import databento_dbn
import numpy as np
from rich.console import Console, JustifyMethod
from rich.table import Table

from ingest.inspect.ladder_view import moment_text
from spymaster_udf.anomalies import BookReport
from spymaster_udf.event_shape_kernel import ACTIONS
from spymaster_udf.mbo import F_LAST
from spymaster_udf.record_census import RecordCensus, shape_text

_MEANINGS: Final = {
    "A": "add", "C": "cancel", "M": "modify", "R": "clear", "T": "trade", "F": "fill", "N": "none",
}  # fmt: skip
_FLAG_BITS: Final = sorted(
    ((int(value), name) for name, value in vars(databento_dbn).items() if name.startswith("F_")),
    reverse=True,
)


@dataclass(frozen=True)
class FlagsView:
    """What is shown: the census, the instruments' symbols, what a replay met (None: not replayed)."""

    name: str
    census: RecordCensus
    symbols: dict[int, str | None]
    report: BookReport | None


def print_flags(view: FlagsView, top: int, console: Console) -> None:
    """Print actions, flag bits, event shapes, snapshots, anomalies; instruments if there are several."""
    census = view.census
    console.print(
        f"{view.name}: {census.records:,} records, {census.events:,} events", highlight=False
    )
    tables = [_actions(census), _flag_bits(census), _flag_values(census, top), _shapes(census, top)]
    if len(list(census.instruments)) > 1:
        tables.append(_instruments(view, top))
    tables += [_snapshots(view, top), _anomalies(view)]
    for table in tables:
        console.print()
        console.print(table)


def _table(title: str, *columns: str, rows: Iterable[Iterable[str]], words: int = 1) -> Table:
    """Return a table whose first `words` columns are text and the others numbers."""
    table = Table(title=title, title_justify="left")
    for place, name in enumerate(columns):
        justify: JustifyMethod = "left" if place < words else "right"
        table.add_column(name, justify=justify)
    for row in rows:
        table.add_row(*row)
    return table


def _share(count: int, whole: int) -> str:
    return f"{100 * count / whole:.2f} %" if whole else ""


def _actions(census: RecordCensus) -> Table:
    sides, flags = census.sides_of_action, census.flags_of_action
    last = (np.arange(256) & F_LAST) != 0
    known = [ord(letter) for letter in ACTIONS]
    seen = [code for code in np.flatnonzero(sides.sum(axis=1)).tolist() if code not in known]
    rows = []
    for code in known + seen:
        count = int(sides[code].sum())
        by_side = [int(sides[code, ord(side)]) for side in "ABN"]
        letter = chr(code) if chr(code).isprintable() else f"\\x{code:02x}"
        rows.append(
            [
                f"{letter} {_MEANINGS.get(chr(code), 'unknown')}", f"{count:,}",
                _share(count, census.records), *(f"{n:,}" for n in by_side),
                f"{count - sum(by_side):,}", f"{int(flags[code, last].sum()):,}",
            ]
        )  # fmt: skip
    columns = ("action", "records", "share", "asks", "bids", "no side", "other", "end an event")
    return _table("actions", *columns, rows=rows)


def _flag_bits(census: RecordCensus) -> Table:
    values = census.flags_of_action.sum(axis=0)
    named = sum(bit for bit, _ in _FLAG_BITS)
    bits = [
        *_FLAG_BITS,
        *((bit, "(no name)") for bit in (1 << n for n in range(8)) if not bit & named),
    ]
    rows = []
    for bit, name in bits:
        count = int(values[(np.arange(256) & bit) != 0].sum())
        rows.append([name, str(bit), f"{count:,}", _share(count, census.records)])
    return _table("flag bits", "bit", "value", "records", "share", rows=rows)


def flag_names(value: int) -> str:
    """Return a value of `flags` in words.

    >>> flag_names(160), flag_names(0)
    ('F_LAST F_SNAPSHOT', 'none')
    """
    names = [name for bit, name in _FLAG_BITS if value & bit]
    rest = value & ~sum(bit for bit, _ in _FLAG_BITS)
    return " ".join([*names, *([str(rest)] if rest else [])]) or "none"


def _flag_values(census: RecordCensus, top: int) -> Table:
    values = census.flags_of_action.sum(axis=0)
    order = [v for v in np.argsort(-values, kind="stable").tolist() if values[v]]
    rows = [[str(v), flag_names(v), f"{int(values[v]):,}", _share(int(values[v]), census.records)]
            for v in order[:top]]  # fmt: skip
    if len(order) > top:
        rest = int(values[order[top:]].sum())
        rows.append(["", f"{len(order) - top} more", f"{rest:,}", _share(rest, census.records)])
    return _table("values of flags", "flags", "bits", "records", "share", rows=rows, words=2)


def _shapes(census: RecordCensus, top: int) -> Table:
    shown = census.shapes.most_common(top)
    rows = [[shape_text(shape), f"{n:,}", _share(n, census.events)] for shape, n in shown]
    rest = census.events - sum(n for _, n in shown)
    if rest:
        others = len(census.shapes) - len(shown)
        more = " and others" if census.other_shapes else ""
        rows.append([f"{others:,} more shapes{more}", f"{rest:,}", _share(rest, census.events)])
    title = "event shapes (F..: a run of more than three; …: more than fifteen marks)"
    return _table(title, "shape", "events", "share", rows=rows)


def _instruments(view: FlagsView, top: int) -> Table:
    all_of_them = sorted(view.census.instruments, key=lambda one: -one[1])
    rows = [[view.symbols.get(number) or "", str(number), f"{records:,}", f"{events:,}"]
            for number, records, events in all_of_them[:top]]  # fmt: skip
    if len(all_of_them) > top:
        rest = all_of_them[top:]
        rows.append([f"{len(rest):,} more", "", f"{sum(r for _, r, _ in rest):,}",
                     f"{sum(e for _, _, e in rest):,}"])  # fmt: skip
    columns = ("symbol", "instrument", "records", "events")
    return _table("instruments", *columns, rows=rows)


def _snapshots(view: FlagsView, top: int) -> Table:
    census = view.census
    rows = [
        [
            view.symbols.get(one.instrument_id) or str(one.instrument_id),
            moment_text(one.first_ts_recv), moment_text(one.last_ts_recv),
            "F_LAST" if one.ended_by_last else "without F_LAST",
            f"{one.first_record:,}", f"{one.last_record:,}", f"{one.orders:,}",
        ]
        for one in census.snapshots[:top]
    ]  # fmt: skip
    if census.snapshot_count > len(rows):
        rows.append([f"{census.snapshot_count - len(rows):,} more", *[""] * 6])
    title = f"snapshots: {census.snapshot_count:,}, {census.unended_snapshots:,} without F_LAST"
    columns = ("instrument", "from", "to", "ended by", "first record", "last record", "orders")
    return _table(title, *columns, rows=rows, words=4)


def _anomalies(view: FlagsView) -> Table:
    census = view.census
    rows = [
        ["ts_recv goes back", *_count_and_first(census.ts_recv_back.count,
                                                census.ts_recv_back.first_record)],
        ["ts_event goes back (no snapshot)", *_count_and_first(
            census.ts_event_back.count, census.ts_event_back.first_record)],
        ["instruments whose last event has no end", f"{census.unended_events:,}", ""],
    ]  # fmt: skip
    if view.report is None:
        title = "anomalies (those of the book: choose one instrument, with --book)"
        return _table(title, "kind", "records", "first record", rows=rows)
    first = view.report.first_anomaly
    for kind, count in view.report.anomalies.items():
        is_first = first is not None and first.kind == kind
        place = f"{first.record_index:,}" if is_first and first else ""
        rows.append([kind, f"{count:,}", place])
    rows.append(["unknown modifies (normal)", f"{view.report.unknown_modifies:,}", ""])
    rows.append(["unknown fills (normal)", f"{view.report.unknown_fills:,}", ""])
    return _table("anomalies", "kind", "records", "first record", rows=rows)


def _count_and_first(count: int, first: int) -> tuple[str, str]:
    return f"{count:,}", f"{first:,}" if count else ""
