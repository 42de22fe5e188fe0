{#- A model's schema is {layer}_{product_type}, as configured, without dbt's target prefix. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}
