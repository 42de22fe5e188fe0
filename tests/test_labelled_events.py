"""What the tables say of icebergs, walls and aggressors, against what the sample market knows it did."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from labelled_day import LabelledDay, precision_and_recall

PHYSICS = Path(__file__).resolve().parent.parent / "docs" / "physics.md"


def walls_query() -> str:
    """The query of the section on walls: the rule is written there and nowhere else."""
    section = PHYSICS.read_text().split("## Walls: built, pulled, eaten")[1]
    found = re.search(r"```sql\n(.*?)```", section, re.DOTALL)
    assert found
    return found[1]


def test_every_refresh_is_found_and_nothing_else(labelled_day: LabelledDay):
    """Window, side, price, count and quantity are the labels': precision and recall are 1."""
    true = labelled_day.sql(
        "select window_start_ts_ns, side, price_int, count(distinct (sequence, order_id)),"
        " sum(quantity) from labels where kind = 'iceberg_refresh' group by all"
    )
    found = labelled_day.sql(
        "select window_start_ts_ns, side, price_int, refresh_count, refreshed_qty"
        " from level_orders_1s where refreshed_qty > 0"
    )
    assert precision_and_recall(set(found), set(true)) == (1, 1)
    assert len(true) > 200


def test_what_traded_at_a_level_is_what_aggressors_took(labelled_day: LabelledDay):
    """executed_qty adds up to the trades but for the auction's, which are at one price for two sides."""
    executed, traded, other = labelled_day.sql(
        "select (select sum(executed_qty) from level_orders_1s),"
        " sum(trade_buy_qty + trade_sell_qty), sum(trade_other_qty) from book_snapshot_1s"
    )[0]
    assert executed == traded + 2 * other


@pytest.mark.parametrize(
    ("kind", "column"),
    [("wall_built", "add_qty"), ("wall_pulled", "pull_qty_total"), ("wall_eaten", "fill_qty")],
)
def test_a_walls_contracts_are_counted_as_what_happened_to_them(
    labelled_day: LabelledDay, kind: str, column: str
):
    """No labelled contract is missing in the column of its kind, at its window, side and price."""
    [(levels, missing)] = labelled_day.sql(
        f"select count(*), count_if(coalesce({column}, 0) < quantity) from (select"
        " window_start_ts_ns, side, price_int, sum(quantity) as quantity from labels"
        f" where kind = '{kind}' group by all)"
        " left join wall_surface_1s using (window_start_ts_ns, side, price_int)"
    )
    assert levels > 5
    assert missing == 0


@pytest.mark.parametrize(
    ("event", "precision", "recall"), [("built", 0.8, 0.9), ("pulled", 0.75, 0.9)]
)
def test_walls_that_come_and_go_are_told(
    labelled_day: LabelledDay, event: str, precision: float, recall: float
):
    """At least 100 contracts at once, by the query of docs/physics.md."""
    found = labelled_day.sql(
        "select window_start_ts_ns, side, price_int"
        f" from ({walls_query().rstrip().rstrip(';')}) where event = '{event}'"
    )
    true = labelled_day.sql(
        "select window_start_ts_ns, side, price_int from labels"
        f" where kind = 'wall_{event}' group by all having sum(quantity) >= 100"
    )
    assert len(true) > 10
    measured = precision_and_recall(set(found), set(true))
    assert measured[0] >= precision, measured
    assert measured[1] >= recall, measured


def test_a_wall_was_pulled_or_eaten_as_the_larger_column_says(labelled_day: LabelledDay):
    """Each loss of at least 20 of a wall's contracts is told rightly by pull_qty_rest and fill_qty."""
    rows = labelled_day.sql(
        "select pull_qty_rest > fill_qty, pulled > eaten from (select window_start_ts_ns, side,"
        " price_int, coalesce(sum(quantity) filter (kind = 'wall_pulled'), 0) as pulled,"
        " coalesce(sum(quantity) filter (kind = 'wall_eaten'), 0) as eaten from labels group by all"
        " having pulled + eaten >= 20)"
        " join wall_surface_1s using (window_start_ts_ns, side, price_int)"
    )
    assert {true for _, true in rows} == {False, True}
    assert len(rows) > 20
    assert all(found == true for found, true in rows)


def test_volume_delta_is_the_files_trades(labelled_day: LabelledDay):
    """Second by second: bought less sold, from the T records themselves."""
    found = labelled_day.sql(
        "select (sum(trade_buy_qty - trade_sell_qty) over (order by window_start_ts_ns))::bigint"
        " from book_snapshot_1s order by window_start_ts_ns"
    )
    expected = labelled_day.delta()
    assert [value for (value,) in found] == expected
    assert len(set(expected)) > 100
