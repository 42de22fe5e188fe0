-- Every norm and score is a number from 0 to 1, or NULL in all of a window without a spot_ref.
-- severity: error
with scores as (
    select
        window_start_ts_ns,
        null as side,
        null as price_int,
        spot_ref_price_int is null as is_unknown,
        list_value(*columns('_(norm|score)$')) as values_found
    from physics_bands_1s
    union all
    select
        window_start_ts_ns,
        side,
        price_int,
        false as is_unknown,
        list_value(vacuum_score) as values_found
    from vacuum_surface_1s
)

select
    window_start_ts_ns,
    side,
    price_int,
    values_found
from scores
where
    -- NaN is greater than every number; a NULL is in the list, but not in its extremes
    not is_unknown and (
        coalesce(list_min(values_found) < 0 or list_max(values_found) > 1, true)
        or list_count(values_found) < len(values_found)
    )
    or is_unknown and list_count(values_found) > 0
