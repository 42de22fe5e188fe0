-- gex_levels_1s has a row for each window of book_snapshot_1s.
-- severity: error
select
    window_start_ts_ns,
    book.window_end_ts_ns,
    levels.window_end_ts_ns as levels_window_end_ts_ns
from book_snapshot_1s as book
full join gex_levels_1s as levels using (window_start_ts_ns)
where book.window_end_ts_ns is distinct from levels.window_end_ts_ns
