"""The suites: which tables they are about and which checks they are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from spymaster.checks.check import Check, checks_in, contract_check
from spymaster.contracts import load_contract

OPTION_MBO: Final = "bronze.future_option_mbo.mbo"


@dataclass(frozen=True)
class Suite:
    """Checks of some tables of a day. `tables` are dataset keys; a check may read any of them.

    The contracts of `own_tables` are checked row by row; the others are there to compare with. With
    `of_options` a day without options has nothing to check.
    """

    name: str
    own_tables: tuple[str, ...]
    other_tables: tuple[str, ...] = ()
    of_options: bool = False

    @property
    def tables(self) -> tuple[str, ...]:
        """All tables that must be there."""
        return self.own_tables + self.other_tables

    def checks(self) -> list[Check]:
        """Return the suite's checks in the order in which they are told.

        >>> SUITES["gex"].checks()[-1].severity
        'error'
        """
        contracts = [contract_check(load_contract(key)) for key in self.own_tables]
        return checks_in("partitions") + contracts + checks_in(self.name)


SUITES: Final = {
    suite.name: suite
    for suite in (
        Suite(
            "data",
            own_tables=(
                "silver.future_mbo.book_snapshot_1s",
                "silver.future_mbo.wall_surface_1s",
                "silver.future_mbo.radar_zone_flow_1s",
                "silver.future_mbo.radar_vacuum_1s",
                "silver.future_mbo.level_orders_1s",
            ),
            other_tables=("bronze.future_mbo.mbo",),
        ),
        Suite(
            "physics",
            own_tables=(
                "gold.hud.physics_norm_calibration",
                "silver.future_mbo.vacuum_surface_1s",
                "silver.future_mbo.physics_bands_1s",
                "silver.future_mbo.physics_surface_1s",
            ),
            other_tables=(
                "silver.future_mbo.book_snapshot_1s",
                "silver.future_mbo.wall_surface_1s",
            ),
        ),
        Suite(
            "gex",
            own_tables=(
                "silver.future_option.statistics_clean",
                "silver.future_option_mbo.option_quote_1s",
                "silver.future_option_mbo.gex_surface_1s",
                "gold.hud.gex_levels_1s",
            ),
            other_tables=("silver.future_mbo.book_snapshot_1s",),
            of_options=True,
        ),
    )
}
