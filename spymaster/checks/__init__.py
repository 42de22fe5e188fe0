"""Integrity checks of published partitions: queries that return the rows that are wrong.

A check is a file NAME.sql: a sentence that must be true, then a query of the rows for which it is not.
Those in `partitions/` hold for the tables of every suite, those in `data/`, `physics/`, `gex/` for one.
"""
