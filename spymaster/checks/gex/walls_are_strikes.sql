-- Walls are strikes of the chain in scope, and zero gamma lies within 5 % of the forward.
-- severity: error
with strikes as (
    select list(distinct strike_price_int) as listed
    from statistics_clean
    cross join parameters
    where expiration < coalesce(expiration_before_ns, expiration + 1)
)

select
    window_start_ts_ns,
    levels.call_wall,
    levels.put_wall,
    levels.abs_wall,
    levels.zero_gamma_price,
    coalesce(book.mid_price_int, book.spot_ref_price_int) as forward_price_int
from gex_levels_1s as levels
inner join book_snapshot_1s as book using (window_start_ts_ns)
cross join strikes
where
    not coalesce(list_contains(listed, round(call_wall * 1e9)::bigint), true)
    or not coalesce(list_contains(listed, round(put_wall * 1e9)::bigint), true)
    or not coalesce(list_contains(listed, round(abs_wall * 1e9)::bigint), true)
    or abs(
        zero_gamma_price * 1e9 / coalesce(book.mid_price_int, book.spot_ref_price_int) - 1
    ) > 0.05 + 1e-9
