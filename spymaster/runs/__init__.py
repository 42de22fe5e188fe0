"""Runs over many (symbol, dt): which days, what of them must be built, on how many workers.

`dates` and `symbols` say which days; `graph_cache` and `plan` what of a day must be built, without dbt;
`day` builds one; `workers` are the processes that do so; `ranges` is the whole, and what a program calls;
`machine` divides cores and memory.
"""
