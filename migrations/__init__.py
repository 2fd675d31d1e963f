"""The schema's history. Rows are never deleted, so migrations only go up."""

from pathlib import Path

from sqlalchemy import Connection


def run_sql(connection: Connection, name: str) -> None:
    """Run the file ``sql/<name>`` as it stands: no parameters, so that no ``%`` or ``:`` in it means anything."""
    statements = (Path(__file__).parent / "sql" / name).read_text(encoding="utf-8")
    with connection.connection.cursor() as cursor:
        cursor.execute(statements)
