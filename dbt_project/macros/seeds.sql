{#- Rows of a seed as a list of mappings, read from its file while a model is compiled: a model whose
    columns come from a seed can so be built alone, before or without `dbt seed`. -#}
{% macro seed_rows(name) -%}
    {%- set rows = [] -%}
    {%- if execute -%}
        {%- set path = lake_call('lake_seed_path', name) | replace("'", "''") -%}
        {%- for row in run_query("select * from read_csv('" ~ path ~ "', header = true)").rows -%}
            {%- do rows.append(row.dict()) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(rows) }}
{%- endmacro %}
