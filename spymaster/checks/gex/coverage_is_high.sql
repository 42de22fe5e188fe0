-- Of the open interest of the whole chain the gamma of at least a quarter is known, in most windows.
-- severity: warning above 10 % of gex_levels_1s
select
    window_start_ts_ns,
    quote_coverage
from gex_levels_1s
where quote_coverage < 0.25
