{#- `dbt docs generate` asks the database for the columns' types, and no hook runs before it. So every
    model and seed is shown empty with the columns of its YAML, then dbt-duckdb reads them as ever. The
    warehouse file has its views already, and is read only. -#}
{% macro get_catalog_relations(information_schema, relations) -%}
    {%- set missing = graph.nodes.values() if target.name != 'warehouse' else [] -%}
    {%- for node in missing if node.resource_type in ('model', 'seed') and node.columns -%}
        {%- do empty_view(
            api.Relation.create(
                database=node.database, schema=node.schema, identifier=node.alias
            ),
            node.columns.values(),
        ) -%}
    {%- endfor -%}
    {{ return(adapter.dispatch('get_catalog_relations', 'dbt')(information_schema, relations)) }}
{%- endmacro %}
