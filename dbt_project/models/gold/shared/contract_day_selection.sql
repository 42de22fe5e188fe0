-- Grain: one row per date of a root, its front contract. A run of a root sees the bronze tables
-- with all its contracts, on this date and the two trading dates before, with symbol and dt.
{%- set session_date = "date '" ~ (var('dt') or '1970-01-01') ~ "'" %}

with expirations as (
    select
        raw_symbol as symbol,
        -- repeated at midnight and when they change: the latest record counts
        arg_max(expiration_ns, ts_recv_ns) as expiration_ns
    from {{ ref('shared__instrument_definitions') }}
    where instrument_class = 'F'
    group by raw_symbol
),

contracts as (
    select distinct
        symbol,
        dt
    from {{ ref('future_mbo__mbo') }}
),

volumes as (
    select
        symbol,
        dt,
        sum(size_qty) as volume
    from {{ ref('future_mbo__mbo') }}
    -- what is traded on the date itself is not known before it
    where action = 'T' and dt < {{ session_date }}
    group by symbol, dt
),

known_volumes as (
    select
        contracts.symbol,
        contracts.dt,
        coalesce(volumes.volume, 0)::bigint as volume
    from contracts
    left join volumes on contracts.symbol = volumes.symbol and contracts.dt = volumes.dt
    where contracts.dt < {{ session_date }}
),

dates as (
    select
        dt as session_date,
        lag(dt) over (order by dt) as prev_trading_date
    from (
        select dt from contracts
        union
        select {{ session_date }} as dt
    )
),

candidates as (
    select distinct
        dates.session_date,
        dates.prev_trading_date,
        contracts.symbol,
        expirations.expiration_ns,
        known_volumes.volume
    from dates
    inner join contracts on contracts.dt in (dates.session_date, dates.prev_trading_date)
    inner join expirations on contracts.symbol = expirations.symbol
    left join known_volumes
        on
            contracts.symbol = known_volumes.symbol
            and dates.prev_trading_date = known_volumes.dt
    where expirations.expiration_ns > epoch_ns(dates.session_date::timestamp)
),

ranked as (
    select
        *,
        row_number() over by_volume as place,
        lead(volume) over by_volume as next_volume
    from candidates
    window by_volume as (
        partition by session_date
        order by volume desc nulls last, expiration_ns asc, symbol asc
    )
),

fronts as (
    select
        *,
        lag(symbol) over (order by session_date) as prev_symbol
    from ranked
    where place = 1
)

select
    session_date,
    symbol as selected_symbol,
    make_timestamp_ns(expiration_ns)::date as selected_exp_date,
    prev_trading_date,
    volume as prev_volume_selected,
    next_volume as prev_volume_rank2,
    symbol <> prev_symbol as roll_flag
from fronts
where session_date = {{ session_date }}
