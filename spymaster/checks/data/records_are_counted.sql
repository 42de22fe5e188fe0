-- message_count and the traded quantities by aggressor are those of the window's bronze records.
-- severity: error
with records as (
    select
        action,
        side,
        size_qty,
        price_int,
        flags & 32 != 0 as is_snapshot,
        -- the clock never runs back: it is the largest time seen so far, in the order of the file
        max(if(flags & 32 != 0, ts_recv_ns, coalesce(ts_event_ns, ts_recv_ns)))
            over (rows between unbounded preceding and current row) as clock_ns
    from future_mbo__mbo
    -- records of another instrument are not applied
    where instrument_id = (select first(instrument_id) from future_mbo__mbo)
),

counted as (
    select
        clock_ns // 1000000000 * 1000000000 as window_start_ts_ns,
        count(*) as message_count,
        sum(size_qty) filter (where is_trade and side = 'B') as trade_buy_qty,
        sum(size_qty) filter (where is_trade and side = 'A') as trade_sell_qty,
        sum(size_qty) filter (where is_trade and side = 'N') as trade_other_qty
    from (
        select
            records.*,
            action = 'T' and not is_snapshot and price_int % tick_int = 0 as is_trade
        from records
        cross join parameters
        where clock_ns >= session_start_ns and clock_ns < session_end_ns
    )
    group by clock_ns // 1000000000
)

select
    book.window_start_ts_ns,
    book.message_count,
    coalesce(counted.message_count, 0) as bronze_message_count,
    book.trade_buy_qty,
    coalesce(counted.trade_buy_qty, 0) as bronze_trade_buy_qty,
    book.trade_sell_qty,
    coalesce(counted.trade_sell_qty, 0) as bronze_trade_sell_qty,
    book.trade_other_qty,
    coalesce(counted.trade_other_qty, 0) as bronze_trade_other_qty
from book_snapshot_1s as book
left join counted using (window_start_ts_ns)
where
    book.message_count != coalesce(counted.message_count, 0)
    or book.trade_buy_qty != coalesce(counted.trade_buy_qty, 0)
    or book.trade_sell_qty != coalesce(counted.trade_sell_qty, 0)
    or book.trade_other_qty != coalesce(counted.trade_other_qty, 0)
