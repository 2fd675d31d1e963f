"""What a picture tells when one code list takes the place of another."""

from import_files import rows_of
from list_files import incident, old_country, record, replaced

from flashpoint.pictures import Pictures

SHARED = {"sharing": "mission"}


def zones_of(database, table="picture_incident"):
    """Give the zones that the mission's rows name, and how often."""
    query = f"SELECT zone, count(*) FROM release.{table} WHERE audience = 'mission' GROUP BY 1 ORDER BY 1"
    return dict(rows_of(database, query))


def pictures_of(database):
    tables = ("picture_incident", "picture_community", "picture_zone")
    columns = "audience, released_id, properties, ST_AsText(point)"
    return [rows_of(database, f"SELECT {columns} FROM release.{table} ORDER BY 1, 2") for table in tables]


def test_everything_is_told_by_the_zones_of_the_new_list(database, tmp_path):
    old_country(database, tmp_path)
    incident(database, "in a split town", (21.7, 6.5), **SHARED)
    incident(database, "in a commune of another code", (21.5, 5.5), **SHARED)
    incident(database, "in a commune that is gone", (23.5, 6.5), **SHARED)
    incident(database, "coarse, of a split commune", geo_precision=3, admin_pcode="ZZ23", **SHARED)
    incident(database, "of the country", geo_precision=6, **SHARED)
    record(database, "community", "ZZ12", **SHARED)
    pictures = Pictures(database, b"a pepper of thirty-two bytes....")
    pictures.update("ZZZ", database.knowledge_instant())
    assert zones_of(database) == {"ZZ12": 1, "ZZ22": 1, "ZZ23": 1, "ZZ41": 1, "ZZZ": 1}
    assert zones_of(database, "picture_community") == {"ZZ12": 1}
    replaced(database, tmp_path, allow_orphans=True)
    pictures.update("ZZZ", database.knowledge_instant())
    kept = pictures_of(database)
    told = zones_of(database)
    # Of a commune in three parts nobody knows which; where there is a commune no more, the operation is left.
    assert told == {"ZZ2": 1, "ZZ24": 1, "ZZ52": 1, "ZZZ": 2}
    assert zones_of(database, "picture_community") == {"ZZ52": 1}
    assert set(told) <= set(zones_of(database, "picture_zone"))
    Pictures(database, b"a pepper of thirty-two bytes....").update("ZZZ", database.knowledge_instant())
    assert pictures_of(database) == kept
