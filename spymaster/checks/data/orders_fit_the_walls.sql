-- A level that holds or trades orders is in both tables; its largest order fits its depth and order count,
-- and what its orders traded is its fills and at most what hidden reserves brought.
-- severity: error
select
    window_start_ts_ns,
    side,
    price_int,
    walls.depth_qty_end,
    walls.order_count_end,
    orders.largest_order_qty,
    walls.fill_qty,
    orders.executed_qty,
    orders.refreshed_qty
from (
    select
        *,
        depth_qty_end > 0 or fill_qty > 0 as has_orders
    from wall_surface_1s
) as walls
full join level_orders_1s as orders using (window_start_ts_ns, side, price_int)
where
    not coalesce(
        case
            when orders.largest_order_qty is null then not has_orders
            else
                executed_qty - fill_qty between 0 and refreshed_qty
                and (largest_order_qty = 0) = (order_count_end = 0)
                and largest_order_qty * order_count_end >= depth_qty_end
                and largest_order_qty + greatest(order_count_end - 1, 0) <= depth_qty_end
        end,
        false
    )
