-- The book is valid in some window of the session: a snapshot or a clear has been seen.
-- severity: error
select
    min(window_start_ts_ns) as first_window_start_ts_ns,
    count(*) as windows
from book_snapshot_1s
having not coalesce(bool_or(book_valid), false)
