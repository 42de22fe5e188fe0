-- Grain: one row per window with a known forward and strike of the grid around it.
{%- set measures = ['gex_abs', 'gex', 'gex_imbalance_ratio'] %}

with exposures as (
    select
        engine.*,
        engine.gex_call_abs + engine.gex_put_abs as gex_abs,
        engine.gex_call_abs - engine.gex_put_abs as gex,
        book.spot_ref_price_int,
        -- the grid moves with the forward: windows without a gap at a strike are one run
        engine.window_start_ts_ns // 1000000000 - row_number() over (
            partition by engine.strike_price_int order by engine.window_start_ts_ns
        ) as run
    from {{ ref('gex_engine') }} as engine
    inner join {{ ref('book_snapshot_1s') }} as book
        on engine.window_start_ts_ns = book.window_start_ts_ns
    where engine.table_name = 'gex_surface_1s'
),

d0 as (
    select
        *,
        gex / (gex_abs + 1e-6) as gex_imbalance_ratio
    from exposures
),

{% for order in [1, 2, 3] %}
    {%- set change_of = '' if order == 1 else 'd' ~ (order - 1) ~ '_' -%}
    -- d{{ order }}: change since the window before at the strike, 0 where that has no value
    d{{ order }} as (
        select
            {% for measure in measures %}
                if(
                    {{ measure }} is null,
                    null,
                    coalesce(
                        {{ change_of }}{{ measure }}
                        - lag({{ change_of }}{{ measure }}) over in_run,
                        0
                    )
                ) as d{{ order }}_{{ measure }},
            {% endfor %}
            *
        from d{{ order - 1 }}
        window in_run as (partition by strike_price_int, run order by window_start_ts_ns)
    ){{ "," if not loop.last }}
{% endfor %}

select
    window_end_ts_ns,
    '{{ var("symbol") }}' as underlying,
    strike_price_int,
    strike_price_int / 1e9 as strike_points,
    spot_ref_price_int / 1e9 as underlying_spot_ref,
    spot_ref_price_int,
    (strike_price_int - spot_ref_price_int) // {{ tick_int() }} as rel_ticks,
    gex_call_abs,
    gex_put_abs,
    {% for prefix in ['', 'd1_', 'd2_', 'd3_'] %}
        {% for measure in measures %}
            {{ prefix }}{{ measure }},
        {% endfor %}
    {% endfor %}
    iv,
    gamma,
    open_interest_call,
    open_interest_put,
    quote_coverage,
    window_start_ts_ns
from d3
order by window_start_ts_ns, strike_price_int
