-- Grain: one row per call or put on the contract, its latest definition before the session's end. A
-- scratch table of the run. What an option is on is in its definition, never in its symbol.
{{ config(meta={'scratch': true}) }}

with definitions as (
    select *
    from {{ ref('shared__instrument_definitions') }}
    where
        instrument_class in ('C', 'P')
        and underlying = '{{ var("symbol") }}'
        and ts_recv_ns < {{ session_end_ns() }}
    -- repeated at midnight and when they change: the latest record counts
    qualify row_number() over (partition by instrument_id order by ts_recv_ns desc) = 1
)

select
    instrument_id,
    raw_symbol as option_symbol,
    underlying,
    expiration_ns,
    strike_price_int,
    instrument_class as option_right,
    unit_of_measure_qty_int / 1e9 as multiplier,
    -- without one, any price is on the grid
    coalesce(min_price_increment_int, 1) as tick_int
from definitions
where
    security_update_action is distinct from 'D'
    and expiration_ns is not null
    and strike_price_int > 0
    and unit_of_measure_qty_int > 0
order by instrument_id
