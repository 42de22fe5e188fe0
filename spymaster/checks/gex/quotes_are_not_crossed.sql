-- Options' best bids are below their best asks in whole books, but for moments.
-- severity: warning above 1 % of option_quote_1s
select
    window_end_ts_ns,
    instrument_id,
    best_bid_price_int,
    best_ask_price_int
from option_quote_1s
where book_valid and best_bid_price_int >= best_ask_price_int
