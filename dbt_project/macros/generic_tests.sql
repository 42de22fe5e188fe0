{#- Each row obeys every rule; a row that breaks some comes back with their names first. -#}
{% test rules(model, rules) %}
with checked as (
    select
        list_filter(
            [
                {% for rule in rules %}
                case when ({{ rule.expression }}) is not true then '{{ rule.name }}' end
                {{- "," if not loop.last }}
                {% endfor %}
            ],
            lambda rule: rule is not null
        ) as broken_rules,
        *
    from {{ model }}
)

select * from checked
where len(broken_rules) > 0
{% endtest %}

{#- Each row's key is greater than that of the row before: no two rows share one, and the rows are in the
    order of the key. One pass in the order of the file, whatever the size of the day. -#}
{% test key_rises(model, columns) %}
with keys as (
    select
        {{ columns | join(", ") }},
        row({{ columns | join(", ") }}) as key,
        lag(row({{ columns | join(", ") }})) over () as key_before
    from {{ model }}
)

select * from keys
where key <= key_before
{% endtest %}

{#- Every window of the other table is here and no other, with as many rows and the same values of
    `columns` (NULL like NULL). -#}
{% test same_windows_as(model, other, columns) %}
{{ windows_that_differ(model, other, columns, 'full') }}
{% endtest %}

{#- Every window that is here is in the other table, with the same values of `columns`. -#}
{% test windows_from(model, other, columns) %}
{{ windows_that_differ(model, other, columns, 'left') }}
{% endtest %}

{% macro windows_that_differ(model, other, columns, join) -%}
{%- if in_lake_run() and not (is_there(model) and is_there(other)) %}
-- one of the two is neither built nor published: there is nothing to compare
select 1 as nothing where false
{%- else %}
with
{%- for name, relation in [('here', model), ('there', other)] %}
{{ name }} as (
    select
        window_start_ts_ns,
        {{ 'count(*)' if join == 'full' else 'null' }} as row_count
        {%- for column in columns %},
        min({{ column }}) as {{ column }}_min,
        max({{ column }}) as {{ column }}_max
        {%- endfor %}
    from {{ relation }}
    group by window_start_ts_ns
){{ "," if not loop.last }}
{%- endfor %}

select
    window_start_ts_ns,
    here,
    there
from here
{{ join }} join there using (window_start_ts_ns)
where here is distinct from there
{%- endif %}
{%- endmacro %}
