-- Every quoted instrument is an option of statistics_clean, and no quote comes before it changed.
-- severity: error
with quotes as (
    select
        *,
        row(best_bid_price_int, best_bid_qty, best_ask_price_int, best_ask_qty, book_valid) as quote,
        lag(
            row(best_bid_price_int, best_bid_qty, best_ask_price_int, best_ask_qty, book_valid)
        ) over (partition by instrument_id order by window_end_ts_ns) as quote_before
    from option_quote_1s
)

select
    quotes.window_end_ts_ns,
    quotes.instrument_id,
    quotes.quote,
    quotes.quote_before
from quotes
left join statistics_clean using (instrument_id)
where
    statistics_clean.instrument_id is null
    or quotes.quote = quotes.quote_before
