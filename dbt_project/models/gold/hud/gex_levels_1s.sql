-- Grain: one row per row of book_snapshot_1s on a day with options.
{{ config(tags=['options'], meta={'options': true}) }}

select
    window_start_ts_ns,
    window_end_ts_ns,
    net_gex,
    abs_gex,
    zero_gamma_price,
    call_wall,
    put_wall,
    abs_wall,
    vanna_exposure_1vol,
    charm_exposure_1d,
    quote_coverage
from {{ ref('gex_engine') }}
where table_name = 'gex_levels_1s'
order by window_start_ts_ns
