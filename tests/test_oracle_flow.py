"""Little books worked out by hand, for the oracle: fills, pulls and what each action does."""

from __future__ import annotations

from little_books import BID_5, CLEAR, OPEN, TICK, flow, radar, rec, run, wall

# ---- fills and pulls -------------------------------------------------------------------------


def test_trade_fill_cancel_is_a_fill():
    """Fill or pull: `T F C` of the same size is all fill; F alone changes nothing."""
    result = run(
        CLEAR,
        BID_5,
        rec("T", "A", 0, 100, 2, last=False),
        rec("F", "B", 1, 100, 2, last=False),
        rec("C", "B", 1, 100, 2),
    )
    assert flow(result, 0, "B", 100) == (5, 0, 2, 3)
    assert result.book_snapshot_1s[0]["trade_sell_qty"] == 2


def test_trade_fill_modify_is_a_fill():
    """Fill or pull: a modify down to the remaining size after a partial fill is no pull."""
    result = run(
        CLEAR,
        BID_5,
        rec("T", "A", 0, 100, 2, last=False),
        rec("F", "B", 1, 100, 2, last=False),
        rec("M", "B", 1, 100, 3),
    )
    assert flow(result, 0, "B", 100) == (5, 0, 2, 3)


def test_sweep():
    """Events: in `T F F C M` every reduction uses what was announced for its own order."""
    result = run(
        CLEAR,
        rec("A", "A", 1, 100, 5),
        rec("A", "A", 2, 101, 9),
        rec("T", "B", 0, 100, 8, last=False),
        rec("F", "A", 1, 100, 5, last=False),
        rec("F", "A", 2, 101, 3, last=False),
        rec("C", "A", 1, 100, 5, last=False),
        rec("M", "A", 2, 101, 6),
    )
    assert flow(result, 0, "A", 100) == (5, 0, 5, 0)
    assert flow(result, 0, "A", 101) == (9, 0, 3, 6)
    assert result.book_snapshot_1s[0]["trade_buy_qty"] == 8


def test_reduction_beyond_what_was_announced_is_a_pull():
    """Fill or pull: the fill goes up to the announced quantity, the rest is a pull."""
    result = run(OPEN, BID_5, rec("F", "B", 1, 100, 2, last=False), rec("C", "B", 1, 100, 5))
    assert flow(result, 0, "B", 100) == (5, 3, 2, 0)


def test_announced_quantity_is_used_once():
    """Fill or pull: what one reduction has used is not there for the next."""
    result = run(
        CLEAR,
        BID_5,
        rec("F", "B", 1, 100, 3, last=False),
        rec("C", "B", 1, 100, 2, last=False),
        rec("C", "B", 1, 100, 2),
    )
    assert flow(result, 0, "B", 100) == (5, 1, 3, 1)


def test_fills_of_one_order_add_up():
    """Fill or pull: two F of one order in one event announce their sum."""
    result = run(
        OPEN,
        BID_5,
        rec("F", "B", 1, 100, 2, last=False),
        rec("F", "N", 1, 100, 3, last=False),
        rec("C", "B", 1, 100, 5),
    )
    assert flow(result, 0, "B", 100) == (5, 0, 5, 0)


def test_announced_remains_lapse_at_last():
    """Fill or pull: an iceberg's refresh leaves announced quantity; it lapses at F_LAST."""
    result = run(
        CLEAR,
        BID_5,
        rec("T", "A", 0, 100, 5, last=False),
        rec("F", "B", 1, 100, 5, last=False),
        rec("M", "B", 1, 100, 5),
        rec("C", "B", 1, 100, 5),
    )
    assert flow(result, 0, "B", 100) == (5, 5, 0, 0)


def test_announced_lapses_at_an_extra_n():
    """Events: any record may carry F_LAST, an N too; then the announcement lapses there."""
    result = run(
        OPEN, BID_5, rec("F", "B", 1, 100, 5, last=False), rec("N"), rec("C", "B", 1, 100, 5)
    )
    assert flow(result, 0, "B", 100) == (5, 5, 0, 0)


def test_announced_lives_until_last():
    """Events: without F_LAST the event goes on, even over an N."""
    result = run(
        OPEN,
        BID_5,
        rec("F", "B", 1, 100, 5, last=False),
        rec("N", last=False),
        rec("C", "B", 1, 100, 5),
    )
    assert flow(result, 0, "B", 100) == (5, 0, 5, 0)


def test_last_on_the_fill_itself():
    """Fill or pull: an F that carries F_LAST (Nasdaq) holds until the next event's F_LAST."""
    result = run(CLEAR, BID_5, rec("F", "B", 1, 100, 2), rec("C", "B", 1, 100, 2))
    assert flow(result, 0, "B", 100) == (5, 0, 2, 3)


def test_last_on_the_fill_lapses_at_the_next_last():
    """Fill or pull: a whole event between such an F and the cancel makes the cancel a pull."""
    between = rec("A", "B", 2, 90, 1)
    result = run(CLEAR, BID_5, rec("F", "B", 1, 100, 2), between, rec("C", "B", 1, 100, 2))
    assert flow(result, 0, "B", 100) == (5, 2, 0, 3)


def test_next_fill_with_last_replaces_the_one_before():
    """Fill or pull: of two F in a row, both with F_LAST, only the second is still announced."""
    result = run(
        OPEN,
        BID_5,
        rec("A", "B", 2, 99, 5),
        rec("F", "B", 1, 100, 5),
        rec("F", "B", 2, 99, 1),
        rec("C", "B", 1, 100, 5, last=False),
        rec("C", "B", 2, 99, 5),
    )
    assert flow(result, 0, "B", 100) == (5, 5, 0, 0)
    assert flow(result, 0, "B", 99) == (5, 4, 1, 0)


def test_orders_are_not_found_by_the_price_of_a_fill():
    """Fill or pull: an auction prints one price; the fill belongs to the order, at its own."""
    result = run(
        CLEAR,
        BID_5,
        rec("T", "N", 0, 98, 5, last=False),
        rec("F", "N", 1, 98, 5, last=False),
        rec("C", "B", 1, 100, 5),
    )
    assert flow(result, 0, "B", 100) == (5, 0, 5, 0)
    assert wall(result, 0, "B", 98) is None
    snapshot = result.book_snapshot_1s[0]
    assert snapshot["last_trade_price_int"] == 98 * TICK
    assert snapshot["trade_other_qty"] == 5


def test_fill_printed_twice_is_not_volume():
    """Fill or pull: traded volume comes from T alone, and the order loses what it has."""
    fill = rec("F", "B", 1, 100, 5, last=False)
    trade = rec("T", "A", 0, 100, 5, last=False)
    result = run(CLEAR, BID_5, trade, fill, fill, rec("C", "B", 1, 100, 5))
    assert flow(result, 0, "B", 100) == (5, 0, 5, 0)
    assert result.book_snapshot_1s[0]["trade_sell_qty"] == 5


def test_fill_of_an_unknown_order():
    """Bad data: an F for an order that is not in the book is normal, and only counted."""
    result = run(CLEAR, rec("F", "B", 77, 100, 5), BID_5)
    assert result.unknown_fills == 1
    assert result.anomalies == {}


# ---- actions -------------------------------------------------------------------------------------


def test_partial_cancel():
    """Actions: C reduces by its size, and removes at 0."""
    result = run(OPEN, BID_5, rec("C", "B", 1, 100, 2, ms=10), rec("C", "B", 1, 100, 3, ms=1000))
    assert flow(result, 0, "B", 100) == (5, 2, 0, 3)
    assert wall(result, 0, "B", 100)["order_count_end"] == 1
    assert flow(result, 1, "B", 100) == (0, 3, 0, 0)
    assert result.orders == {}


def test_resize_keeps_age_and_counts_the_difference():
    """Actions: a size change at the same price pulls or adds the difference; the age goes on."""
    result = run(CLEAR, BID_5, rec("M", "B", 1, 100, 9, ms=900), rec("M", "B", 1, 100, 2, ms=1900))
    assert flow(result, 0, "B", 100) == (9, 0, 0, 9)
    assert wall(result, 0, "B", 100)["depth_qty_rest"] == 9
    assert flow(result, 1, "B", 100) == (0, 7, 0, 2)
    assert wall(result, 1, "B", 100)["pull_qty_rest"] == 7


def test_price_change_is_a_pull_and_an_add():
    """Walls: a price change pulls the old quantity, adds the new one, and restarts the age."""
    result = run(CLEAR, BID_5, rec("M", "B", 1, 101, 7, ms=900))
    assert flow(result, 0, "B", 100) == (5, 5, 0, 0)
    assert flow(result, 0, "B", 101) == (7, 0, 0, 7)
    assert wall(result, 0, "B", 100)["pull_qty_rest"] == 5
    assert wall(result, 0, "B", 101)["depth_qty_rest"] == 0


def test_price_change_after_a_partial_fill():
    """Fill or pull: a price change is a reduction too: first what was announced, then a pull."""
    fill = rec("F", "B", 1, 100, 2, last=False)
    result = run(CLEAR, BID_5, fill, rec("M", "B", 1, 99, 3))
    assert flow(result, 0, "B", 100) == (5, 3, 2, 0)
    assert flow(result, 0, "B", 99) == (3, 0, 0, 3)


def test_side_change_removes_and_inserts():
    """Actions: an M that changes the side removes the order and inserts it; it is no reprice."""
    result = run(
        CLEAR,
        BID_5,
        rec("T", "N", 0, 100, 1),
        rec("M", "A", 1, 101, 4, ms=1900),
    )
    assert flow(result, 1, "B", 100) == (0, 5, 0, 0)
    assert flow(result, 1, "A", 101) == (4, 0, 0, 4)
    row = radar(result, 1)
    assert (row["bid_pull_rest_qty"], row["ask_add_qty"]) == (5, 4)
    assert not any(value for name, value in row.items() if "reprice" in name)


def test_unknown_modify_is_an_add():
    """Actions: M of an unknown order is treated as A, and is no anomaly."""
    result = run(CLEAR, rec("M", "B", 9, 100, 4))
    assert flow(result, 0, "B", 100) == (4, 0, 0, 4)
    assert (result.unknown_modifies, result.anomalies) == (1, {})


def test_trade_and_none_leave_the_book():
    """Actions: T, F and N have no effect on the book."""
    result = run(CLEAR, BID_5, rec("T", "A", 1, 100, 5), rec("F", "B", 1, 100, 5), rec("N"))
    assert flow(result, 0, "B", 100) == (5, 0, 0, 5)


def test_size_zero_does_not_rest():
    """An order of quantity 0 does not rest: A inserts nothing, M to 0 removes."""
    result = run(
        OPEN, BID_5, rec("A", "B", 2, 99, 0), rec("M", "B", 3, 99, 0), rec("M", "B", 1, 100, 0)
    )
    assert result.orders == {}
    assert flow(result, 0, "B", 100) == (5, 5, 0, 0)
    assert wall(result, 0, "B", 99) is None
