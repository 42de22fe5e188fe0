-- Grain: one row per record of the DBN file. `spymaster ingest` writes this table; dbt shows it.
{{ config(alias='statistics') }}

select * from {{ source('databento', 'statistics_dbn') }} -- noqa: AM04
