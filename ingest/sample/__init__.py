"""The sample market: a small exchange whose order flow is written as Databento would deliver it.

`write_day(path, MarketConfig(...))` simulates one contract's UTC day and writes it as DBN, with `truth`
also what its walls and icebergs did;
`write_day_with_options` adds the options on it, their definitions, statistics and the truth.
"""

from ingest.sample.day import SampleSummary, write_day
from ingest.sample.dbn_file import file_name
from ingest.sample.labels import truth_name
from ingest.sample.market import Form, MarketConfig
from ingest.sample.option_chain import OptionConfig
from ingest.sample.option_day import OptionSummary, write_day_with_options

__all__ = [
    "Form",
    "MarketConfig",
    "OptionConfig",
    "OptionSummary",
    "SampleSummary",
    "file_name",
    "truth_name",
    "write_day",
    "write_day_with_options",
]
