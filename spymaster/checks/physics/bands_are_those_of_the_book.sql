-- physics_bands_1s has a row for each window of book_snapshot_1s, with its spot_ref and mid.
-- severity: error
select
    window_start_ts_ns,
    book.spot_ref_price_int,
    bands.spot_ref_price_int as bands_spot_price_int,
    book.mid_price_int,
    bands.mid_price_int as bands_mid_price_int
from book_snapshot_1s as book
full join physics_bands_1s as bands using (window_start_ts_ns)
where
    book.window_end_ts_ns is distinct from bands.window_end_ts_ns
    or book.spot_ref_price_int is distinct from bands.spot_ref_price_int
    or book.mid_price_int is distinct from bands.mid_price_int
    or book.mid_price is distinct from bands.mid_price
