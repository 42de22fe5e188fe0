"""What an engine met that it could not apply: counts, the first of it, and when it is too much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from spymaster_udf.book_state import ANOMALY_KINDS, UNKNOWN_FILL, UNKNOWN_MODIFY


class BookError(ValueError):
    """The caller's data or parameters do not do; the message is one line."""


class BadDataError(BookError):
    """More bad records than `max_anomaly_share` allows, or none of the session."""


class BadParamsError(BookError):
    """Parameters that the engine cannot work with."""


@dataclass(frozen=True)
class FirstAnomaly:
    """The first record that counts against the limit: its place in the stream and its identity."""

    kind: str
    record_index: int
    ts_event: int
    order_id: int


@dataclass
class BookReport:
    """What the engine met on the way: counts by kind, for the partition's manifest."""

    records_applied: int
    anomalies: dict[str, int]
    unknown_modifies: int
    unknown_fills: int
    first_anomaly: FirstAnomaly | None


def report_of(
    counters: np.ndarray[Any, np.dtype[np.int64]],
    records_applied: int,
    first_anomaly: np.ndarray[Any, np.dtype[np.int64]],
) -> BookReport:
    """Return the report of a kernel's counters (book_state.py) and the first anomaly that it noted.

    `first_anomaly` is the part of the kernel's state from FIRST_ANOMALY_INDEX (-1: none) to
    FIRST_ANOMALY_KIND, in the order that both kernels have.
    """
    index, ts_event, order_id, kind = (int(value) for value in first_anomaly)
    first = None
    if index >= 0:
        first = FirstAnomaly(ANOMALY_KINDS[kind], index, ts_event, order_id & (2**64 - 1))
    return BookReport(
        records_applied=records_applied,
        anomalies={k: int(n) for k, n in zip(ANOMALY_KINDS, counters, strict=False)},
        unknown_modifies=int(counters[UNKNOWN_MODIFY]),
        unknown_fills=int(counters[UNKNOWN_FILL]),
        first_anomaly=first,
    )


def check_anomaly_limit(report: BookReport, limit: float, excused: int | None = None) -> None:
    """Raise BadDataError if more records were bad than the share `limit` of those applied.

    `excused` is a kind (book_state.py) that does not count.
    """
    bad = sum(report.anomalies.values())
    if excused is not None:
        bad -= report.anomalies[ANOMALY_KINDS[excused]]
    if bad <= limit * report.records_applied or report.first_anomaly is None:
        return
    first = report.first_anomaly
    kinds = ", ".join(f"{n} {kind}" for kind, n in report.anomalies.items() if n)
    raise BadDataError(
        f"{bad} of {report.records_applied} records are bad ({kinds}), more than "
        f"max_anomaly_share = {limit:g} allows; the first is {first.kind} at record "
        f"{first.record_index}, ts_event {first.ts_event}, order_id {first.order_id}"
    )
