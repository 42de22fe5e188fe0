"""MBO records: futures by the file's symbols, options by the definitions in the lake."""

from __future__ import annotations

from ingest.instruments import (
    FileSymbols,
    LakeDefinitions,
    contract_of_option,
    date_of,
    is_spelled_like_an_option,
)
from ingest.mbo_columns import MBO_KEY, OPTION_MBO_KEY
from ingest.routing import InstrumentRouter, Route, Target
from spymaster.errors import UserError
from spymaster.products import outright_root


class MboRouter(InstrumentRouter):
    """Routes outright futures to their contract's partition, calls and puts to their underlying's."""

    def __init__(
        self,
        symbols: FileSymbols,
        definitions: LakeDefinitions,
        file_name: str,
        dataset: str,
        root: str | None,
    ) -> None:
        super().__init__(file_name, root)
        self._symbols = symbols
        self._definitions = definitions
        self._dataset = dataset

    def inputs(self, target: Target, day: int) -> list[dict[str, str]]:
        """Return the definitions that told the options' underlying; a future needs none."""
        if target.key != OPTION_MBO_KEY:
            return []
        return self._definitions.inputs(str(outright_root(target.symbol)), day)

    def _classify(self, instrument_id: int, day: int) -> Route:
        symbol = self._symbols.symbol_of(instrument_id, day)
        root = outright_root(symbol) if symbol else None
        if root is not None:
            return self._route_of_root(root, Target(MBO_KEY, str(symbol)))
        definition = self._definitions.find(instrument_id, day)
        if definition and definition.is_option:
            contract = contract_of_option(definition)
            if contract is None:
                return Route(None, "options on no outright future")
            return Route(Target(OPTION_MBO_KEY, contract), f"options on {contract}")
        if symbol is None and definition is None:
            return Route(None, f"instruments without a symbol on {date_of(day)}")
        if symbol and definition is None and is_spelled_like_an_option(symbol):
            if not self._definitions.are_there(day):
                raise self._no_definitions(symbol, day)
            return Route(None, f"options without a definition on {date_of(day)} in the lake")
        return Route(None, "spreads, options and others")

    def _no_definitions(self, symbol: str, day: int) -> UserError:
        date = date_of(day)
        of_root = f" of {self._root}" if self._root else ""
        name = f"{self._dataset.lower().replace('.', '-')}-{date:%Y%m%d}.definition.dbn.zst"
        return UserError(
            f"{self._file_name}: has options ({symbol}), and the lake has no definitions{of_root} "
            f"of {date}, which tell their underlying; download schema definition of "
            f"{self._dataset} for this date and ingest it first ({name})"
        )
