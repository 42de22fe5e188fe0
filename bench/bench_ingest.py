"""Prints how fast DBN becomes bronze, and the memory it takes.

bench_ingest.py [messages ...]     sample days of a future of these sizes (default 1, 10, 30 million),
                                   then of 600 options in one file, of the first of these sizes and of
                                   ten times as many messages
bench_ingest.py FILE.dbn.zst ...   files of one's own (options: after their definitions)
"""

from __future__ import annotations

import datetime
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from databento_dbn import (
    DBN_VERSION,
    InstrumentClass,
    InstrumentDefMsg,
    Metadata,
    Schema,
    SecurityUpdateAction,
    SType,
)
from own_process import peak_mb, run_apart

from ingest.dbn_file import DbnFile
from ingest.file_ingest import ingest_file
from ingest.record_layouts import DEFINITION
from ingest.sample import MarketConfig, write_day
from ingest.sample.dbn_file import DATASET, dbn_writer
from spymaster.lake import Lake

DEFAULT_MESSAGES = ["1000000", "10000000", "30000000"]
# A first file pays for imports and for the first pages of memory.
WARM_UP_MESSAGES = 100_000
# Strikes 5 points apart around the money, half of them puts; ids as far apart as the exchange's.
OPTIONS = {
    f"E1AF6 {letter}{strike}": 42_000_000 + 37 * number
    for number, (letter, strike) in enumerate(
        (letter, strike) for strike in range(6000, 7500, 5) for letter in "CP"
    )
}


def measure(path: Path, warm_up: Path, folder: Path) -> None:
    """Ingest one file and print a line; runs in a process of its own, whose peak memory it is."""
    ingest_file(warm_up, Lake(folder / "warm-up"))
    start, cpu_start = time.perf_counter(), time.process_time()
    result = ingest_file(path, Lake(folder / "lake"), overwrite=True)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu_start
    size = sum(partition.size for partition in result.partitions)
    print(
        f"{result.partitions[0].ref.key:<24} {result.messages:>12,} messages in {seconds:6.2f} s: "
        f"{result.messages / seconds / 1e6:5.2f} M messages/s, "
        f"{cpu / seconds:4.2f} cores busy, {size / result.messages:5.1f} bytes a message, "
        f"peak memory {peak_mb():,.0f} MB",
        flush=True,
    )


def header(schema: Schema, config: MarketConfig) -> bytes:
    until = config.dt + datetime.timedelta(days=1)
    return bytes(
        Metadata(
            dataset=DATASET,
            start=config.midnight_ns,
            end=config.midnight_ns + 86_400 * 10**9,
            stype_in=SType.RAW_SYMBOL,
            stype_out=SType.INSTRUMENT_ID,
            schema=schema,
            symbols=list(OPTIONS),
            partial=[],
            not_found=[],
            mappings=[
                SimpleNamespace(
                    raw_symbol=symbol,
                    intervals=[
                        SimpleNamespace(start_date=config.dt, end_date=until, symbol=str(number))
                    ],
                )
                for symbol, number in OPTIONS.items()
            ],
            ts_out=False,
            version=DBN_VERSION,
        )
    )


def write_definitions(path: Path, config: MarketConfig) -> None:
    """The options' definitions, all on the sample's future."""
    messages = [
        InstrumentDefMsg(
            publisher_id=1,
            instrument_id=number,
            ts_event=config.midnight_ns,
            ts_recv=config.midnight_ns,
            min_price_increment=50_000_000,
            display_factor=10_000_000,
            raw_symbol=symbol,
            asset="E1A",
            security_type="OOF",
            instrument_class=InstrumentClass(symbol.split()[1][0]),
            security_update_action=SecurityUpdateAction.ADD,
            underlying=config.contract,
        )
        for symbol, number in OPTIONS.items()
    ]
    record = DEFINITION.record_dtype(DBN_VERSION, ts_out=False)
    content = b"".join(bytes(message)[: record.itemsize] for message in messages)
    with dbn_writer(path, header(Schema.DEFINITION, config)) as write:
        write(np.frombuffer(content, record))


def write_options(path: Path, day: Path, config: MarketConfig) -> None:
    """The order flow of a sample day dealt out among the options, those at the money most."""
    random = np.random.default_rng(1)
    numbers = np.array(list(OPTIONS.values()), np.uint32)
    with DbnFile(day) as file, dbn_writer(path, header(Schema.MBO, config)) as write:
        for records in file.chunks():
            place = random.normal(len(numbers) / 2, len(numbers) / 8, len(records))
            place = np.clip(place, 0, len(numbers) - 1).astype(np.int64)
            records["instrument_id"] = numbers[place]
            write(records)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        warm_up, day = folder / "warm-up.dbn.zst", folder / "day.dbn.zst"
        write_day(warm_up, MarketConfig(messages=WARM_UP_MESSAGES))
        arguments = sys.argv[1:] or DEFAULT_MESSAGES
        for argument in arguments:
            if argument.isdigit():
                write_day(day, MarketConfig(messages=int(argument), minutes=390))
            run_apart(__file__, day if argument.isdigit() else Path(argument), warm_up, folder)
        if not arguments[0].isdigit():
            return
        definitions, options = folder / "definitions.dbn.zst", folder / "options.dbn.zst"
        write_definitions(definitions, MarketConfig())
        ingest_file(definitions, Lake(folder / "lake"))
        for messages in (int(arguments[0]), 10 * int(arguments[0])):
            config = MarketConfig(messages=messages, minutes=390)
            write_day(day, config)
            write_options(options, day, config)
            run_apart(__file__, options, warm_up, folder)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(*(Path(argument) for argument in sys.argv[2:5]))
    else:
        main()
