"""The sample market: a small exchange whose order flow is written as Databento would deliver it.

`write_day(path, MarketConfig(...))` simulates one contract's UTC day and writes it as DBN.
"""

from ingest.sample.day import SampleSummary, write_day
from ingest.sample.dbn_file import file_name
from ingest.sample.market import Form, MarketConfig

__all__ = ["Form", "MarketConfig", "SampleSummary", "file_name", "write_day"]
