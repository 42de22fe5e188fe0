"""What a contract says of each row, as named SQL conditions."""

from __future__ import annotations

from spymaster.contracts import Contract, Field

_SQL_WORDS = ("right",)  # names that SQL wants quoted


def in_sql(name: str) -> str:
    """Return a column's name as SQL takes it.

    >>> in_sql("price_int"), in_sql("right")
    ('price_int', '"right"')
    """
    return f'"{name}"' if needs_quotes(name) else name


def needs_quotes(name: str) -> bool:
    """Return whether a column is named like a word of SQL."""
    return name in _SQL_WORDS


def row_rules(contract: Contract) -> list[dict[str, str]]:
    """Return the rules of a row: `name` and `expression`, true of every row that keeps it.

    First those of its columns (not null, bounds, accepted values), then the contract's own.

    >>> from spymaster.contracts import load_contract
    >>> row_rules(load_contract("gold.hud.physics_norm_calibration"))[0]
    {'name': 'metric_name_not_null', 'expression': 'metric_name is not null'}
    """
    rules = [rule for field in contract.fields for rule in _field_rules(field)]
    return rules + list(contract.properties.get("rules", []))


def _field_rules(field: Field) -> list[dict[str, str]]:
    name, properties = in_sql(field.name), field.properties
    conditions = []
    if not field.nullable:
        conditions.append(("not_null", f"{name} is not null"))
    for bound, sign in (("minimum", ">="), ("maximum", "<=")):
        if bound in properties:
            condition = f"{name} {sign} {properties[bound]}"
            conditions.append(
                (bound, f"{name} is null or {condition}" if field.nullable else condition)
            )
    if "accepted_values" in properties:
        values = ", ".join(f"'{value}'" for value in properties["accepted_values"])
        conditions.append(("accepted_values", f"{name} in ({values})"))
    return [{"name": f"{field.name}_{kind}", "expression": text} for kind, text in conditions]
