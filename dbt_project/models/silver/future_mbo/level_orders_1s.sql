-- Grain: one row per window, side and price that holds an order or traded.
select
    window_start_ts_ns,
    window_end_ts_ns,
    price_int,
    side,
    spot_ref_price_int,
    rel_ticks,
    largest_order_qty,
    executed_qty,
    absorbed_qty,
    refresh_count,
    refreshed_qty
from {{ ref('order_engine') }}
where table_name = 'level_orders_1s'
