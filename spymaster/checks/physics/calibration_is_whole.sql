-- Each of the six metrics is calibrated once, as of this day, with finite bounds in order.
-- severity: error
with metrics as (
    select unnest([
        'pull_add_log', 'log1p_pull_intensity_rest', 'log1p_erosion_norm', 'd2_pull_add_log',
        'wall_strength_log', 'gex_abs'
    ]) as metric_name
)

select
    metric_name,
    count(calibration.metric_name) as rows_found,
    min(calibration.q05) as q05,
    max(calibration.q95) as q95,
    min(calibration.asof_dt) as asof_dt
from metrics
full join physics_norm_calibration as calibration using (metric_name)
cross join parameters
group by metric_name, parameters.dt
having
    count(calibration.metric_name) != 1
    or count(metrics.metric_name) != 1
    or min(calibration.asof_dt) != parameters.dt
    or not bool_and(isfinite(calibration.q05) and isfinite(calibration.q95))
    or max(calibration.q05) > min(calibration.q95)
