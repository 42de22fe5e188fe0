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

{#- With `partition_columns`, of files of several partitions, symbol and dt come first. -#}
{% macro lake_view(relation, files, partition_columns=false) -%}
    {%- set columns, options = '*', 'hive_partitioning = false' -%}
    {%- if partition_columns -%}
        {%- set columns = 'symbol, dt, * exclude (source, product_type, symbol, "table", dt)' -%}
        {%- set options = "hive_partitioning = true, hive_types = {'symbol': varchar, 'dt': date}" -%}
    {%- endif -%}
    {%- do run_query("create schema if not exists " ~ relation.without_identifier()) -%}
    {%- set paths = [] -%}
    {%- for file in files -%}
        {%- do paths.append("'" ~ file | replace("'", "''") ~ "'") -%}
    {%- endfor -%}
    {%- do run_query(
        "create or replace view " ~ relation ~ " as select " ~ columns ~ " from read_parquet(["
        ~ paths | join(", ") ~ "], union_by_name = true, " ~ options ~ ")"
    ) -%}
{%- endmacro %}

{#- The graph's lake models, as spymaster/dbt_session.py's Node wants them. -#}
{% macro lake_nodes() %}
    {% set nodes = [] %}
    {% for node in graph.nodes.values() if node.resource_type == 'model' %}
        {% set parents = [] %}
        {% set source_keys = [] %}
        {% set seed_checksums = [] %}
        {% for parent in node.depends_on.nodes if parent in graph.nodes %}
            {% set parent_node = graph.nodes[parent] %}
            {% if parent_node.resource_type == 'seed' %}
                {% do seed_checksums.append(parent_node.checksum.checksum) %}
            {% elif parent_node.config.materialized == 'ingested' %}
                {% do source_keys.append(lake_key(parent_node)) %}
            {% else %}
                {% do parents.append(parent) %}
            {% endif %}
        {% endfor %}
        {% set meta = node.config.meta %}
        {% if node.config.materialized == 'lake' %}
            {% do nodes.append({
                'unique_id': node.unique_id,
                'name': node.name,
                'key': lake_key(node),
                'language': node.language,
                'file_checksum': node.checksum.checksum,
                'macros': node.depends_on.macros,
                'seed_checksums': seed_checksums,
                'scratch': meta.get('scratch', false),
                'options': meta.get('options', false),
                'vars': meta.get('vars', []),
                'prior_sessions_of': meta.get('prior_sessions_of'),
                'parents': parents,
                'source_keys': source_keys,
            }) %}
        {% endif %}
    {% endfor %}
    {{ return(nodes) }}
{% endmacro %}

{% macro lake_key(node) -%}
    {{ return(node.config.meta.layer ~ '.' ~ node.config.meta.product_type ~ '.' ~ node.alias) }}
{%- endmacro %}

{#- What spymaster/freshness.py's DayPlan wants to know of the run, but for what is selected. -#}
{% macro lake_request() %}
    {% set vars = {} %}
    {% for name in [
        'session_start', 'session_end', 'session_tz', 'hud_max_ticks', 'rest_ns', 'assume_valid',
        'max_anomaly_share', 'calibration_mode', 'calibration_lookback_sessions', 'gex_max_dte',
        'gex_strike_step', 'gex_strike_count', 'risk_free_rate', 'overwrite',
    ] %}
        {% do vars.update({name: var(name)}) %}
    {% endfor %}
    {{ return({
        'lake': var('lake'),
        'dt': var('dt') | string if var('dt') else none,
        'symbol': var('symbol') | string if var('symbol') else none,
        'vars': vars,
        'nodes': lake_nodes(),
    }) }}
{% endmacro %}

{#- `dbt run-operation lake_graph`: tell spymaster/runs/graph_cache.py the graph, so that days can be
    planned without dbt. -#}
{% macro lake_graph() %}
    {% if execute %}
        {% do lake_call('lake_graph', lake_request()) %}
    {% endif %}
{% endmacro %}

{#- on-run-start: check the vars, then show the published partitions as views, so that any part of the
    project can be built or tested alone. A table that is not there yet is shown empty, with its
    contract's columns, so that unit tests know its types; no model is built on one. -#}
{% macro lake_open() %}
    {% if execute and flags.WHICH in ('build', 'run', 'test') %}
        {% set request = lake_request() %}
        {% do request.update({'selected': selected_resources}) %}
        {% set lake = lake_call('lake_open', request) %}
        {% for node in graph.nodes.values() if node.resource_type == 'model' %}
            {% set relation = api.Relation.create(
                database=node.database, schema=node.schema, identifier=node.alias
            ) %}
            {% if lake_key(node) in lake.files %}
                {% set of_several = lake_key(node) in lake.partition_columns %}
                {% do lake_view(relation, lake.files[lake_key(node)], of_several) %}
            {% elif node.columns %}
                {% do empty_view(relation, node.columns.values()) %}
            {% endif %}
        {% endfor %}
        {% do adapter.commit() %}
    {% endif %}
{% endmacro %}

{% macro empty_view(relation, columns) -%}
    {%- set nulls = [] -%}
    {%- for column in columns -%}
        {%- do nulls.append('null::' ~ column.data_type ~ ' as ' ~ adapter.quote(column.name)) -%}
    {%- endfor -%}
    {%- do run_query("create schema if not exists " ~ relation.without_identifier()) -%}
    {%- do run_query(
        "create or replace view " ~ relation ~ " as select " ~ nulls | join(", ") ~ " where false"
    ) -%}
{%- endmacro %}

{#- A table that `spymaster ingest` has published; on-run-start has made its view. -#}
{% materialization ingested, adapter='duckdb' %}
    {{ run_hooks(pre_hooks) }}
    {% call statement('main') %}select 'made by spymaster ingest' as answer{% endcall %}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [this.incorporate(type='view')]}) }}
{% endmaterialization %}

{% materialization lake, adapter='duckdb', supported_languages=['sql', 'python'] %}
    {%- set language = model['language'] -%}
    {%- set target_relation = this.incorporate(type='view') -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- set plan = lake_call('lake_begin', model.unique_id) -%}
    {%- if plan.action == 'skip' -%}
        {{ log(model.name ~ ": " ~ plan.reason, info=True) }}
        {% call statement('main') %}select 'skipped'{% endcall %}
    {%- elif language == 'sql' -%}
        {{ log(model.name ~ ": " ~ plan.reason, info=True) }}
        {% set enforced = config.get('contract').enforced %}
        {% if enforced %}
            {{ get_assert_columns_equivalent(compiled_code) }}
        {% endif %}
        {% call statement('main') %}
            copy (
                {{ get_select_subquery(compiled_code) if enforced else compiled_code }}
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
    from spymaster_udf.anomalies import BookError

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

{#- Whose fault a failing test is: the model it stands at, else all that it reads. -#}
{% macro judged_nodes(node) -%}
    {%- if 'test' not in node.resource_type | string -%}
        {{ return([]) }}
    {%- elif node.attached_node -%}
        {{ return([node.attached_node]) }}
    {%- endif -%}
    {{ return(node.depends_on.nodes) }}
{%- endmacro %}

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
                {% set values = [] %}
                {% for name, value in first.rows[0].dict().items() %}
                    {% do values.append(name ~ ' ' ~ value) %}
                {% endfor %}
                {% set first_row = values | join(', ') %}
                {{ log(result.node.name ~ " fails first at " ~ first_row, info=True) }}
            {% endif %}
            {% do outcomes.append({
                'unique_id': result.node.unique_id,
                'name': result.node.name,
                'status': result.status | string,
                'judges': judged_nodes(result.node),
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
