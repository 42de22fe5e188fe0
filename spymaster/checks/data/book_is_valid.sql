-- Nearly every window of the session has a valid book.
-- severity: warning above 1 % of book_snapshot_1s
select
    window_start_ts_ns,
    message_count
from book_snapshot_1s
where not book_valid
