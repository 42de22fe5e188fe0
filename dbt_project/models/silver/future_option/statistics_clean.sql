-- Grain: one row per call or put on the contract.
with options as (
    select * from {{ ref('option_definitions') }}
),

known_at_start as (
    select *
    from {{ ref('future_option__statistics') }}
    where ts_recv_ns <= {{ session_start_ns() }}
),

-- Open interest is stat_type 9; 1, easily taken for it, is the opening price. An undefined quantity
-- is no number, and what the exchange has deleted (update_action 2) is unknown again.
open_interest as (
    select *
    from known_at_start
    where stat_type = 9 and (quantity is not null or update_action = 2)
    qualify row_number() over (
        partition by instrument_id
        order by ts_ref_ns desc nulls last, ts_recv_ns desc, sequence desc
    ) = 1
),

-- Bit 1 of stat_flags says final.
settlement as (
    select *
    from known_at_start
    where stat_type = 3 and price_int is not null and update_action != 2
    qualify row_number() over (
        partition by instrument_id
        order by ts_ref_ns desc nulls last, stat_flags & 1 desc, ts_recv_ns desc, sequence desc
    ) = 1
)

select
    options.instrument_id,
    options.option_symbol,
    options.underlying,
    options.expiration_ns as expiration,
    options.strike_price_int,
    options.option_right as "right",
    open_interest.quantity as open_interest,
    open_interest.ts_ref_ns as open_interest_ts_ref,
    settlement.price_int / 1e9 as settlement_price,
    settlement.price_int as settlement_price_int,
    open_interest.ts_recv_ns,
    open_interest.ts_event_ns,
    'bronze.future_option.statistics' as source
from options
left join open_interest
    on
        options.instrument_id = open_interest.instrument_id
        and open_interest.update_action != 2
left join settlement on options.instrument_id = settlement.instrument_id
order by options.instrument_id
