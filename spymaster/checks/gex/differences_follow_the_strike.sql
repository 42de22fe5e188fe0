-- d1 to d3 are changes since the window before at the same strike, 0 where that has no value.
-- severity: error
with strikes as (
    select
        window_start_ts_ns,
        strike_price_int,
        [gex_abs, gex, gex_imbalance_ratio] as d0,
        [d1_gex_abs, d1_gex, d1_gex_imbalance_ratio] as d1,
        [d2_gex_abs, d2_gex, d2_gex_imbalance_ratio] as d2,
        [d3_gex_abs, d3_gex, d3_gex_imbalance_ratio] as d3,
        gex_abs is not null as is_known
    from gex_surface_1s
),

compared as (
    select
        here.window_start_ts_ns,
        here.strike_price_int,
        here.is_known,
        here.d0,
        -- of [now, before, difference]: how far the difference is from what it must be
        list_transform(
            list_zip(
                here.d0 || here.d1 || here.d2,
                coalesce(before.d0 || before.d1 || before.d2, [null::double for x in range(9)]),
                here.d1 || here.d2 || here.d3
            ),
            lambda x: abs(x[3] - coalesce(x[1] - x[2], 0)) / greatest(abs(x[1]), abs(x[2]), 1)
        ) as errors,
        here.d1 || here.d2 || here.d3 as differences
    from strikes as here
    left join strikes as before
        on
            here.strike_price_int = before.strike_price_int
            and here.window_start_ts_ns = before.window_start_ts_ns + 1000000000
)

select
    window_start_ts_ns,
    strike_price_int,
    d0,
    differences
from compared
where
    (is_known and (list_max(errors) > 1e-9 or list_count(differences) < 9))
    or (not is_known and list_count(differences) > 0)
