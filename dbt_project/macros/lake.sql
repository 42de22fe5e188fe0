{#-
    The `lake` materialization. A model is written to the run's staging folder in the lake, checked
    against its contract and viewed from there, so that dbt's tests run on it before anybody else can
    see it; the end of the run publishes what passed. A partition that is complete and fresh is not
    built again. The work is done in spymaster/dbt_session.py; these macros only call it.
-#}

{% macro lake_call(verb, request) -%}
    {%- set query -%}
        select {{ verb }}('{{ tojson(request) | replace("'", "''") }}') as answer
    {%- endset -%}
    {%- set answer = fromjson(run_query(query).columns[0].values()[0]) -%}
    {%- if answer is mapping and answer.error is defined -%}
        {%- do exceptions.raise_compiler_error(answer.error) -%}
    {%- endif -%}
    {{ return(answer) }}
{%- endmacro %}

{% macro lake_view(relation, files) -%}
    {%- do run_query("create schema if not exists " ~ relation.without_identifier()) -%}
    {%- set paths = [] -%}
    {%- for file in files -%}
        {%- do paths.append("'" ~ file | replace("'", "''") ~ "'") -%}
    {%- endfor -%}
    {%- do run_query(
        "create or replace view " ~ relation ~ " as select * from read_parquet([" ~ paths | join(", ")
        ~ "], union_by_name = true, hive_partitioning = false)"
    ) -%}
{%- endmacro %}

{#- on-run-start: check the vars, then show the published partitions as views, so that any part of the
    project can be built or tested alone. -#}
{% macro lake_open() %}
    {% if execute and flags.WHICH in ('build', 'run', 'test') %}
        {% set nodes = [] %}
        {% for node in graph.nodes.values() if node.resource_type == 'model' %}
            {% set parents = [] %}
            {% set source_keys = [] %}
            {% for parent in node.depends_on.nodes %}
                {% if parent in graph.sources %}
                    {% do source_keys.append(graph.sources[parent].meta.key) %}
                {% elif parent in graph.nodes %}
                    {% do parents.append(parent) %}
                {% endif %}
            {% endfor %}
            {% set meta = node.config.meta %}
            {% do nodes.append({
                'unique_id': node.unique_id,
                'name': node.name,
                'key': meta.layer ~ '.' ~ meta.product_type ~ '.' ~ node.name,
                'checksum': node.checksum.checksum,
                'scratch': meta.get('scratch', false),
                'parents': parents,
                'source_keys': source_keys,
            }) %}
        {% endfor %}
        {% set vars = {} %}
        {% for name in [
            'session_start', 'session_end', 'session_tz', 'hud_max_ticks', 'rest_ns', 'assume_valid',
            'max_anomaly_share', 'overwrite',
        ] %}
            {% do vars.update({name: var(name)}) %}
        {% endfor %}
        {% set lake = lake_call('lake_open', {
            'lake': var('lake'),
            'dt': var('dt') | string if var('dt') else none,
            'symbol': var('symbol') | string if var('symbol') else none,
            'vars': vars,
            'nodes': nodes,
            'selected': selected_resources,
            'source_keys': graph.sources.values() | map(attribute='meta.key') | list,
        }) %}
        {% for source in graph.sources.values() if source.meta.key in lake.sources %}
            {% do lake_view(
                api.Relation.create(
                    database=source.database, schema=source.schema, identifier=source.identifier
                ),
                [lake.sources[source.meta.key]],
            ) %}
        {% endfor %}
        {% for id, file in lake.models.items() %}
            {% set node = graph.nodes[id] %}
            {% do lake_view(
                api.Relation.create(
                    database=node.database, schema=node.schema, identifier=node.alias
                ),
                [file],
            ) %}
        {% endfor %}
        {% do adapter.commit() %}
    {% endif %}
{% endmacro %}

{% materialization lake, adapter='duckdb', supported_languages=['sql', 'python'] %}
    {%- set language = model['language'] -%}
    {%- set target_relation = this.incorporate(type='view') -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- set plan = lake_call('lake_begin', model.unique_id) -%}
    {%- if plan.action == 'skip' -%}
        {{ log(model.name ~ ": complete and fresh, skipped", info=True) }}
        {% call statement('main') %}select 'skipped'{% endcall %}
    {%- elif language == 'sql' -%}
        {{ log(model.name ~ ": " ~ plan.reason, info=True) }}
        {{ get_assert_columns_equivalent(compiled_code) }}
        {% call statement('main') %}
            copy (
                {{ get_select_subquery(compiled_code) }}
            ) to '{{ plan.path | replace("'", "''") }}' (
                format parquet, parquet_version v2, compression zstd, compression_level 1
            )
        {% endcall %}
    {%- else -%}
        {{ log(model.name ~ ": " ~ plan.reason, info=True) }}
        {% call statement('main', language='python') %}
{{ compiled_code }}


def materialize(tables, con):
    from spymaster.dbt_session import DbtSession
    from spymaster_udf.book_engine import BookError

    session = DbtSession.current()
    try:
        session.write_tables("{{ model.unique_id }}", tables)
    except BookError as error:
        # The data's or a var's fault: told in one line by lake_end, without a traceback of ours.
        session.failed["{{ model.unique_id }}"] = str(error)
        {% endcall %}
    {%- endif -%}
    {%- set files = lake_call('lake_end', model.unique_id).files -%}
    {%- if files -%}
        {%- do lake_view(target_relation, files) -%}
    {%- endif -%}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do adapter.commit() -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{#- on-run-end: publish; for each failed test say which row broke it first. -#}
{% macro lake_finish(results) %}
    {% if execute and flags.WHICH in ('build', 'run', 'test') %}
        {% set outcomes = [] %}
        {% for result in results %}
            {% set first_row = none %}
            {% if result.status | string == 'fail' and result.node.resource_type == 'test' %}
                {% set first = run_query(
                    "select * from (" ~ result.node.compiled_code ~ ") limit 1"
                ) %}
                {% set first_row = first.rows[0].dict() | string %}
                {{ log(result.node.name ~ " fails first at " ~ first_row, info=True) }}
            {% endif %}
            {% do outcomes.append({
                'unique_id': result.node.unique_id,
                'name': result.node.name,
                'status': result.status | string,
                'depends_on': result.node.depends_on.nodes
                    if result.node.resource_type != 'model' else [],
                'first_row': first_row,
            }) %}
        {% endfor %}
        {% set outcome = lake_call('lake_finish', outcomes) %}
        {% for name in outcome.published %}
            {{ log("published " ~ name, info=True) }}
        {% endfor %}
        {% for name in outcome.withheld %}
            {{ log("NOT published " ~ name, info=True) }}
        {% endfor %}
    {% endif %}
{% endmacro %}
