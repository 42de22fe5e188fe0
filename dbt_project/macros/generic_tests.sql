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

{#- No two rows share their key. -#}
{% test unique_key(model, columns) %}
select
    {{ columns | join(", ") }},
    count(*) as row_count
from {{ model }}
group by all
having count(*) > 1
{% endtest %}
