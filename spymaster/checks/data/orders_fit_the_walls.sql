-- A level that holds orders is in both tables; its largest order fits its depth and order count, and what
-- its orders traded is at most its fills and what hidden reserves brought.
-- severity: error
select
    window_start_ts_ns,
    side,
    price_int,
    depth_qty_end,
    order_count_end,
    orders.largest_order_qty,
    fill_qty,
    orders.executed_qty,
    orders.refreshed_qty
from wall_surface_1s
full join level_orders_1s as orders using (window_start_ts_ns, side, price_int)
where
    not coalesce(
        case
            when orders.largest_order_qty is null then depth_qty_end = 0
            -- A level without a row in the walls holds nothing and lost nothing that it had shown.
            else
                executed_qty <= coalesce(fill_qty, 0) + refreshed_qty
                and (largest_order_qty = 0) = (coalesce(order_count_end, 0) = 0)
                and largest_order_qty * coalesce(order_count_end, 0) >= coalesce(depth_qty_end, 0)
                and largest_order_qty + greatest(coalesce(order_count_end, 0) - 1, 0)
                <= coalesce(depth_qty_end, 0)
        end,
        false
    )
