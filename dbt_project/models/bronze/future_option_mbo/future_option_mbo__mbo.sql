-- Grain: one row per record of the DBN file. `spymaster ingest` writes this table; dbt shows it.
{{ config(alias='mbo') }}

select * from {{ source('databento', 'mbo_dbn') }} -- noqa: AM04
