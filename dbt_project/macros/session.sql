{#- What a model must know of its run. Outside a run (dbt compile, docs, lint) there is no answer. -#}

{#- The run's tick size in 1e-9 price units. -#}
{% macro tick_int() -%}
    {{ return(session_value('tick_int') or 'null') }}
{%- endmacro %}

{#- The run's session [start, end), UTC nanoseconds. -#}
{% macro session_start_ns() -%}
    {{ return(session_value('session_start_ns') or 'null') }}
{%- endmacro %}

{% macro session_end_ns() -%}
    {{ return(session_value('session_end_ns') or 'null') }}
{%- endmacro %}

{#- The run's session in local time, such as 06:00-16:00 America/New_York. -#}
{% macro session_window() -%}
    {{ return(session_value('session') or '') }}
{%- endmacro %}

{#- The counts that the calibration reads: of this day, or of the last sessions before it. -#}
{% macro calibration_counts() -%}
    {%- if var('calibration_mode') == 'prior' and in_lake_run() -%}
        {%- set files = lake_call('lake_prior_sessions', model.unique_id) -%}
        {%- set paths = [] -%}
        {%- for file in files -%}
            {%- do paths.append("'" ~ file | replace("'", "''") ~ "'") -%}
        {%- endfor -%}
        {{ return("read_parquet([" ~ paths | join(", ") ~ "], hive_partitioning = false)") }}
    {%- endif -%}
    {{ return(ref('physics_metric_counts')) }}
{%- endmacro %}

{% macro in_lake_run() -%}
    {{ return(execute and flags.WHICH in ('build', 'run', 'test')) }}
{%- endmacro %}

{% macro session_value(name) -%}
    {{ return(lake_call('lake_parameter', name) if in_lake_run() else none) }}
{%- endmacro %}

{#- Whether a model's table was built in this run or is published; else its view is an empty stub. -#}
{% macro is_there(relation) -%}
    {{ return(lake_call('lake_is_there', relation.identifier)) }}
{%- endmacro %}
