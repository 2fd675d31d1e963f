"""The table of requests: how many of a window's allowance each key has taken, for all processes together."""

from sqlalchemy import CheckConstraint, Column, Index, Integer, Table

from flashpoint.store.columns import AT, ID, metadata

#: Not logged: after a crash the counts of a minute are gone, and nothing else. No reference to the key: it would cost a
#: look-up with each lease, and a row goes on its own.
allowance = Table(
    "allowance",
    metadata,
    Column("key_id", ID, primary_key=True),
    Column("window_start", AT, primary_key=True),
    Column("taken", Integer, nullable=False),
    CheckConstraint("taken > 0", name="taken"),
    Index("ix_allowance_window_start", "window_start"),
    prefixes=["UNLOGGED"],
    schema="vault",
)
