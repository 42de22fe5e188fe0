-- Grain: one row per row of book_snapshot_1s.
-- depends_on: {{ ref('price_bands') }}
{%- set bands = seed_rows('price_bands') %}
{%- set norms = ['wall_strength_norm', 'wall_erosion_norm', 'vacuum_norm'] %}

with book as (
    select * from {{ ref('book_snapshot_1s') }}
),

bounds as (
    {{ norm_bounds() }}
),

bands (band, first_tick, last_tick, tick_count) as (
    values
    {% for band in bands %}
        (
            '{{ band.band }}',
            {{ band.first_tick }},
            {{ band.last_tick }},
            {{ band.last_tick - band.first_tick + 1 }}
        ){{ "," if not loop.last }}
    {% endfor %}
),

directions (direction, side, sign) as (
    values ('above', 'A', 1), ('below', 'B', -1)
),

-- The levels of the bands, with what an empty level would add to the means taken off the score.
empty_level as (
    select {{ vacuum_score('0', '0', '0', '0') }} as vacuum_score
    from bounds
),

levels as (
    select
        walls.window_start_ts_ns,
        walls.side,
        walls.rel_ticks,
        vacuums.wall_strength_log,
        {{ log1p_erosion('vacuums.wall_erosion', 'walls.depth_qty_start') }} as log1p_erosion_norm,
        vacuums.vacuum_score
    from {{ ref('wall_surface_1s') }} as walls
    inner join {{ ref('vacuum_surface_1s') }} as vacuums
        on
            walls.window_start_ts_ns = vacuums.window_start_ts_ns
            and walls.side = vacuums.side
            and walls.price_int = vacuums.price_int
    where abs(walls.rel_ticks) <= (select max(bands.last_tick) from bands)
),

-- Summed in the order of the ticks: the same rows give the same bits, whatever the threads do.
band_sums as (
    select
        levels.window_start_ts_ns,
        directions.direction,
        bands.band,
        count(*) as level_count,
        sum(levels.wall_strength_log order by levels.rel_ticks) as wall_strength_log,
        sum(levels.log1p_erosion_norm order by levels.rel_ticks) as log1p_erosion_norm,
        sum(levels.vacuum_score order by levels.rel_ticks) as vacuum_score
    from levels
    inner join directions on levels.side = directions.side
    inner join bands
        on levels.rel_ticks * directions.sign between bands.first_tick and bands.last_tick
    group by levels.window_start_ts_ns, directions.direction, bands.band
),

-- Means run over all ticks of a band: one without a row is an empty level without flow.
band_norms as (
    select
        book.window_start_ts_ns,
        directions.direction,
        bands.band,
        {{ norm('coalesce(band_sums.wall_strength_log, 0) / bands.tick_count',
                'wall_strength_log') }} as wall_strength_norm,
        {{ norm('coalesce(band_sums.log1p_erosion_norm, 0) / bands.tick_count',
                'log1p_erosion_norm') }} as wall_erosion_norm,
        (
            coalesce(band_sums.vacuum_score, 0)
            + (bands.tick_count - coalesce(band_sums.level_count, 0)) * empty_level.vacuum_score
        ) / bands.tick_count as vacuum_norm
    from book
    cross join directions
    cross join bands
    cross join bounds
    cross join empty_level
    left join band_sums
        on
            book.window_start_ts_ns = band_sums.window_start_ts_ns
            and directions.direction = band_sums.direction
            and bands.band = band_sums.band
    where book.spot_ref_price_int is not null
),

eases as (
    select
        *,
        0.50 * vacuum_norm + 0.35 * wall_erosion_norm + 0.15 * (1 - wall_strength_norm) as ease
    from band_norms
),

windows as (
    select
        {% for direction in ['above', 'below'] %}
            {% for band in bands %}
                {% for norm in norms %}
                    max({{ norm }}) filter (
                        where direction = '{{ direction }}' and band = '{{ band.band }}'
                    ) as {{ direction }}_{{ band.band }}_{{ norm }},
                {% endfor %}
            {% endfor %}
        {% endfor %}
        {% for direction in ['above', 'below'] %}
            0.60 * max(ease) filter (where direction = '{{ direction }}' and band = 'at')
            + 0.40 * max(ease) filter (where direction = '{{ direction }}' and band = 'near')
                as {{ direction }}_score,
        {% endfor %}
        window_start_ts_ns
    from eases
    group by window_start_ts_ns
)

select
    book.window_start_ts_ns,
    book.window_end_ts_ns,
    book.spot_ref_price_int,
    book.mid_price,
    book.mid_price_int,
    {% for direction in ['above', 'below'] %}
        {% for band in bands %}
            {% for norm in norms %}
                windows.{{ direction }}_{{ band.band }}_{{ norm }},
            {% endfor %}
        {% endfor %}
    {% endfor %}
    windows.above_score,
    windows.below_score,
    (windows.above_score + windows.below_score) / 2 as vacuum_total_score
from book
left join windows on book.window_start_ts_ns = windows.window_start_ts_ns
order by book.window_start_ts_ns
