-- Grain: one row per record of the DBN file. `spymaster ingest` writes this table; dbt shows it.
{{ config(alias='instrument_definitions') }}

select * from {{ source('databento', 'definition_dbn') }} -- noqa: AM04
