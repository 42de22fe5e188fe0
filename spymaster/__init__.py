"""What every part of the warehouse shares: lake, contracts, products, runs, command line."""

__version__ = "0.1.0"
