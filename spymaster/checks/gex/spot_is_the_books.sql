-- spot_ref, underlying and rel_ticks of a strike's row are those of the future's book at the same window.
-- severity: error
select
    gex.window_start_ts_ns,
    gex.strike_price_int,
    gex.underlying,
    gex.spot_ref_price_int,
    book.spot_ref_price_int as book_spot_price_int,
    gex.rel_ticks
from gex_surface_1s as gex
left join book_snapshot_1s as book using (window_start_ts_ns)
cross join parameters
where
    gex.underlying != parameters.symbol
    or gex.spot_ref_price_int is distinct from book.spot_ref_price_int
    or gex.underlying_spot_ref is distinct from book.spot_ref_price_int / 1e9
    or gex.strike_points is distinct from gex.strike_price_int / 1e9
    or gex.rel_ticks
    is distinct from (gex.strike_price_int - book.spot_ref_price_int) // parameters.tick_int
