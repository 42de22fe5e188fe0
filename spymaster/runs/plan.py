"""What a run builds of one (symbol, dt): the tables asked for, and of their parents what they need."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from spymaster.errors import UserError
from spymaster.freshness import DAMAGED, DayPlan
from spymaster.lake import LAYERS, Lake
from spymaster.runs.graph_cache import ProjectGraph, selected_models

Json = dict[str, Any]


@dataclass(frozen=True)
class Scope:
    """Which tables a run is about; every restriction given must hold. By default all of them.

    `rerun` names tables that are built again with all that depends on them; `overwrite` builds all
    tables of the scope again.
    """

    select: str | None = None
    layers: tuple[str, ...] = ()
    product_types: tuple[str, ...] = ()
    rerun: tuple[str, ...] = ()
    overwrite: bool = False


@dataclass(frozen=True)
class PlannedDay:
    """What to give dbt for one (symbol, dt).

    `reasons` says why each table is built, by its name; `models` are the names to select, scratch models
    included; `overwrite` is the var of that name.
    """

    reasons: dict[str, str]
    models: list[str]
    overwrite: list[str] = field(default_factory=list)


def plan_day(graph: ProjectGraph, lake: Lake, symbol: str, dt: str, scope: Scope) -> PlannedDay:
    """Return what is missing or stale of a scope on one day, and of the parents of what it names.

    Raises UserError where bronze is missing, or where something is damaged that `overwrite` does not
    build again.
    """
    wanted = scope_models(graph, scope)
    candidates = _with_ancestors(graph, wanted)
    again = wanted if scope.overwrite or scope.rerun else set()
    plan = _day_plan(graph, lake, symbol, dt, candidates, again)
    plan.require_grain()
    plan.require_sources()
    if again:
        damaged = {n.unique_id for n in plan.selected_nodes() if is_damaged(plan.state(n))}
        if damaged:
            again |= damaged
            plan = _day_plan(graph, lake, symbol, dt, candidates, again)
    plan.require_whole()
    to_build = [node for node in plan.selected_nodes() if plan.state(node)]
    names = {node.name for node in to_build if not node.scratch}
    return PlannedDay(
        {node.name: str(plan.state(node)) for node in to_build if not node.scratch},
        [node.name for node in to_build],
        sorted(names.intersection(_names(graph, again))),
    )


def day_states(graph: ProjectGraph, lake: Lake, symbol: str, dt: str) -> dict[str, str | None]:
    """Return every table's state by its key: None if complete and fresh, else why not.

    A table of options on a day without them is not in it.
    """
    plan = _day_plan(graph, lake, symbol, dt, {n["unique_id"] for n in graph.nodes}, set())
    states = {}
    for node in plan.selected_nodes():
        if not node.scratch and not plan.is_skipped(node):
            try:
                states[node.key] = plan.state(node)
            except UserError as error:  # an input that is gone or unreadable
                states[node.key] = f"stale, {error}"
    return states


def scope_models(graph: ProjectGraph, scope: Scope) -> set[str]:
    """Return the unique ids of the models of a scope, its scratch models included.

    Raises UserError for a layer, product type, table or selector that names nothing.
    """
    for layer in scope.layers:
        if layer not in LAYERS[1:]:
            raise UserError(f"--layer {layer!r} is not one of {', '.join(LAYERS[1:])}")
    known_types = sorted({node["key"].split(".")[1] for node in graph.nodes})
    for product_type in scope.product_types:
        if product_type not in known_types:
            raise UserError(
                f"--product-type {product_type!r} is not one of {', '.join(known_types)}"
            )
    chosen = {node["unique_id"] for node in graph.nodes}
    if scope.select:
        chosen &= selected_models(graph, scope.select)
    if scope.rerun:
        chosen &= _with_descendants(graph, _models_of_tables(graph, scope.rerun))
    for node in graph.nodes:
        layer, product_type, _ = node["key"].split(".")
        of_layer = not scope.layers or layer in scope.layers
        of_type = not scope.product_types or product_type in scope.product_types
        if not (of_layer and of_type):
            chosen.discard(node["unique_id"])
    if not chosen:
        raise UserError("no table is in the layer, product type and selection asked for")
    return chosen


def is_damaged(state: str | None) -> bool:
    """Return whether a state says that the partition is there but not what its manifest says."""
    return state is not None and state.startswith(DAMAGED)


def _models_of_tables(graph: ProjectGraph, tables: tuple[str, ...]) -> set[str]:
    by_name: dict[str, Json] = {}
    for node in graph.nodes:
        if not node["scratch"]:
            by_name[node["name"]] = by_name[node["key"]] = node
    unknown = [table for table in tables if table not in by_name]
    if unknown:
        known = ", ".join(sorted(name for name in by_name if "." not in name))
        raise UserError(f"{unknown[0]!r} is not a table that is built; those are {known}")
    return {by_name[table]["unique_id"] for table in tables}


def _with_ancestors(graph: ProjectGraph, chosen: set[str]) -> set[str]:
    parents = {node["unique_id"]: node["parents"] for node in graph.nodes}
    found, waiting = set(chosen), list(chosen)
    while waiting:
        new = [parent for parent in parents[waiting.pop()] if parent not in found]
        found.update(new)
        waiting += new
    return found


def _with_descendants(graph: ProjectGraph, chosen: set[str]) -> set[str]:
    found = set(chosen)
    while True:
        new = {
            node["unique_id"]
            for node in graph.nodes
            if node["unique_id"] not in found and found.intersection(node["parents"])
        }
        if not new:
            return found
        found |= new


def _names(graph: ProjectGraph, chosen: set[str]) -> set[str]:
    return {node["name"] for node in graph.nodes if node["unique_id"] in chosen}


def _day_plan(
    graph: ProjectGraph, lake: Lake, symbol: str, dt: str, selected: set[str], again: set[str]
) -> DayPlan:
    request = graph.request(lake.root, symbol, dt, selected)
    request["vars"]["overwrite"] = sorted(_names(graph, again))
    return DayPlan(request)
