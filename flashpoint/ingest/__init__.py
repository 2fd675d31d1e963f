"""Readers of outside formats: a file in, domain rows and an account out. Nothing here writes anywhere.

Each reader counts what it read and skipped in an :class:`~flashpoint.ingest.account.Account`; whoever stores the rows
counts what was imported and what was already there. geopandas is imported here and nowhere else.
"""
