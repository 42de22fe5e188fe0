select
    window_start_ts_ns,
    window_end_ts_ns,
    price_int,
    side,
    spot_ref_price_int,
    rel_ticks,
    depth_qty_start,
    depth_qty_end,
    add_qty,
    pull_qty_total,
    depth_qty_rest,
    pull_qty_rest,
    fill_qty,
    d1_depth_qty,
    d2_depth_qty,
    d3_depth_qty,
    window_valid,
    order_count_end
from {{ ref('book_engine') }}
where table_name = 'wall_surface_1s'
