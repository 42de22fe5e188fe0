-- The windows of book_snapshot_1s follow each other without a gap, inside the session.
-- severity: error
with windows as (
    select
        window_start_ts_ns,
        window_end_ts_ns,
        lag(window_end_ts_ns) over (order by window_start_ts_ns) as end_before_ts_ns
    from book_snapshot_1s
)

select
    window_start_ts_ns,
    window_end_ts_ns,
    end_before_ts_ns
from windows
cross join parameters
where
    window_start_ts_ns != coalesce(end_before_ts_ns, window_start_ts_ns)
    or window_start_ts_ns < session_start_ns
    or window_end_ts_ns > session_end_ns
