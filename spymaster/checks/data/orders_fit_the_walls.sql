-- A level that holds orders is in both tables; its largest order fits its depth and order count, and what
-- its orders traded is at most its fills and what hidden reserves brought.
-- severity: error
with levels as (
    select
        window_start_ts_ns,
        side,
        price_int,
        -- A level without a row in the walls holds nothing and lost nothing that it had shown.
        coalesce(walls.depth_qty_end, 0) as depth_qty_end,
        coalesce(walls.order_count_end, 0) as order_count_end,
        orders.largest_order_qty,
        coalesce(walls.fill_qty, 0) as fill_qty,
        orders.executed_qty,
        orders.refreshed_qty
    from wall_surface_1s as walls
    full join level_orders_1s as orders using (window_start_ts_ns, side, price_int)
)

select *
from levels
where
    not coalesce(
        case
            when largest_order_qty is null then depth_qty_end = 0
            else
                executed_qty <= fill_qty + refreshed_qty
                and (largest_order_qty = 0) = (order_count_end = 0)
                and largest_order_qty * order_count_end >= depth_qty_end
                and largest_order_qty + greatest(order_count_end - 1, 0) <= depth_qty_end
        end,
        false
    )
