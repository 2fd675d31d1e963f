import zipfile

import geopandas
import pytest
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box

from flashpoint.errors import Invalid
from flashpoint.ingest import boundaries
from flashpoint.ingest.account import Kind

BOW_TIE = Polygon([(0, 0), (1, 1), (1, 0), (0, 1), (0, 0)])


def frame(geometries, crs=4326, **columns):
    count = len(geometries)
    table = {"ADM1_PCODE": ["XA1"] * count, "ADM1_FR": ["Nord"] * count}
    table |= {"ADM2_PCODE": [f"XA1{number}" for number in range(count)], "ADM2_FR": ["Été"] * count}
    return geopandas.GeoDataFrame(table | columns, geometry=geometries, crs=crs)


def zip_shapefiles(folder, target):
    with zipfile.ZipFile(target, "w") as archive:
        for part in sorted(folder.iterdir()):
            archive.write(part, f"inside/{part.name}")


@pytest.mark.parametrize("name", ["places.geojson", "places.gpkg", "places.shp"])
def test_every_format_gives_the_same_boundaries(tmp_path, account, name):
    frame([box(0, 0, 1, 1), MultiPolygon([box(1, 0, 2, 1), box(3, 0, 4, 1)])]).to_file(tmp_path / name)
    first, second = boundaries.read(tmp_path / name, "adm2", account)
    assert (first.pcode, first.name, first.parents) == ("XA10", "Été", ((1, "XA1", "Nord"),))
    assert first.geometry.equals(box(0, 0, 1, 1))
    assert second.geometry.area == pytest.approx(2)
    account.count_imported(2)
    account.check()


def test_a_zip_of_several_levels_gives_the_one_asked_for(tmp_path, account):
    (tmp_path / "unzipped").mkdir()
    frame([box(0, 0, 1, 1)]).to_file(tmp_path / "unzipped" / "xxx_admbnda_adm2_2020.shp")
    frame([LineString([(0, 0), (1, 1)])]).to_file(tmp_path / "unzipped" / "xxx_admbndl_adm2_2020.shp")
    adm1 = frame([box(0, 0, 9, 9)]).drop(columns=["ADM2_PCODE", "ADM2_FR"])
    adm1.to_file(tmp_path / "unzipped" / "xxx_admbnda_adm1_2020.shp")
    zip_shapefiles(tmp_path / "unzipped", tmp_path / "all.zip")
    assert [found.pcode for found in boundaries.read(tmp_path / "all.zip", "adm1", account)] == ["XA1"]
    assert [found.pcode for found in boundaries.read(tmp_path / "all.zip", "adm2", account)] == ["XA10"]
    with pytest.raises(Invalid, match="exactly one polygon layer for adm3"):
        boundaries.read(tmp_path / "all.zip", "adm3", account)


def test_a_geopackage_of_several_layers_gives_the_one_asked_for(tmp_path, account):
    path = tmp_path / "all.gpkg"
    frame([box(0, 0, 1, 1)]).to_file(path, layer="admin2")
    frame([box(0, 0, 1, 1)]).drop(columns=["ADM2_PCODE", "ADM2_FR"]).to_file(path, layer="admin1")
    assert [found.pcode for found in boundaries.read(path, "adm2", account)] == ["XA10"]


def test_another_reference_system_is_reprojected_and_height_is_dropped(tmp_path, account, reasons):
    flat = box(18, 4, 19, 5)
    high = Polygon([(x, y, 300.0) for x, y in flat.exterior.coords])
    frame([high]).to_crs(32634).to_file(tmp_path / "utm.gpkg")
    (found,) = boundaries.read(tmp_path / "utm.gpkg", "adm2", account)
    assert not found.geometry.has_z
    assert found.geometry.symmetric_difference(flat).area < 1e-6
    assert reasons(Kind.NOTE) == {boundaries.REPROJECTED: 1}


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
def test_no_reference_system_is_taken_as_degrees_unless_it_cannot_be(tmp_path, account, reasons):
    frame([box(18, 4, 19, 5)], crs=None).to_file(tmp_path / "degrees.shp")
    boundaries.read(tmp_path / "degrees.shp", "adm2", account)
    assert reasons(Kind.NOTE) == {boundaries.NO_CRS: 1}
    frame([box(500_000, 400_000, 600_000, 500_000)], crs=None).to_file(tmp_path / "metres.shp")
    with pytest.raises(Invalid, match="not degrees"):
        boundaries.read(tmp_path / "metres.shp", "adm2", account)


def test_bad_geometries_are_repaired_or_skipped_with_a_reason(tmp_path, account, reasons):
    spike = Polygon([(0, 0), (1, 0), (1, 1), (1, 2), (1, 1), (0, 1), (0, 0)])
    flat = Polygon([(0, 0), (1, 1), (2, 2), (0, 0)])
    shapes = [BOW_TIE, spike, None, Polygon(), flat, Point(0, 0), box(170, 0, 200, 1)]
    frame(shapes).to_file(tmp_path / "bad.geojson")
    found = boundaries.read(tmp_path / "bad.geojson", "adm2", account)
    assert [(one.pcode, one.geometry.is_valid) for one in found] == [("XA10", True), ("XA11", True)]
    assert [one.geometry.area for one in found] == pytest.approx([0.5, 1.0])
    assert reasons(Kind.REPAIR) == {boundaries.REPAIRED: 2}
    assert reasons(Kind.SKIP) == {boundaries.EMPTY: 2, boundaries.NOT_POLYGONAL: 2, boundaries.OUT_OF_RANGE: 1}


def test_a_ring_that_cannot_be_built_loses_its_row_only(tmp_path, account):
    ring = "[[0,0],[1,1],[0,0]]"
    features = ",".join(
        f'{{"type":"Feature","properties":{{"adm1_pcode":"X{number}"}},'
        f'"geometry":{{"type":"Polygon","coordinates":[{coordinates}]}}}}'
        for number, coordinates in enumerate([ring, "[[0,0],[1,0],[1,1],[0,0]]"])
    )
    path = tmp_path / "ring.geojson"
    path.write_text(f'{{"type":"FeatureCollection","features":[{features}]}}', encoding="utf-8")
    assert [one.pcode for one in boundaries.read(path, "adm1", account)] == ["X1"]
    assert account.skipped == 1


def test_codes_that_are_missing_malformed_or_repeated_are_skipped(tmp_path, account, reasons):
    shapes = [box(number, 0, number + 1, 1) for number in range(5)]
    codes = ["XA11", None, "XA11", "a b", "XA12"]
    frame(shapes, ADM2_PCODE=codes, ADM2_FR=["A", "B", "A", "D", None]).to_file(tmp_path / "codes.geojson")
    found = boundaries.read(tmp_path / "codes.geojson", "adm2", account)
    assert [(one.pcode, one.name) for one in found] == [("XA11", "A"), ("XA12", "XA12")]
    assert reasons(Kind.SKIP) == {boundaries.NO_PCODE: 2, boundaries.REPEATED: 1}
    assert reasons(Kind.NOTE) == {boundaries.NO_NAME: 1}
    account.count_imported(2)
    account.check()


def test_codes_kept_as_numbers_stay_whole(tmp_path, account):
    frame([box(0, 0, 1, 1), box(1, 0, 2, 1)], ADM2_PCODE=[101.0, None]).to_file(tmp_path / "numbers.gpkg")
    assert [one.pcode for one in boundaries.read(tmp_path / "numbers.gpkg", "adm2", account)] == ["101"]


def test_a_file_of_another_level_is_refused_by_the_column(tmp_path, account):
    frame([box(0, 0, 1, 1)]).to_file(tmp_path / "adm2.geojson")
    with pytest.raises(Invalid) as missing:
        boundaries.read(tmp_path / "adm2.geojson", "adm3", account)
    assert missing.value.violations[0].pointer == "/columns/adm3_pcode"
    # Taking the first commune of each prefecture as the prefecture would be silently wrong.
    with pytest.raises(Invalid) as finer:
        boundaries.read(tmp_path / "adm2.geojson", "adm1", account)
    assert finer.value.violations[0].pointer == "/columns/adm2_pcode"


@pytest.mark.parametrize(
    ("name", "content", "rule"),
    [
        ("places.csv", b"adm1_pcode\n", "boundaries are read from"),
        ("places.geojson", b"<OGRVRTDataSource/>", "not what its name says"),
        ("places.geojson", b'{"type": "FeatureCollection", "features": [', "damaged"),
        ("places.gpkg", b"SQLite format 3\x00", "damaged"),
        ("places.zip", b"PK\x03\x04", "damaged"),
    ],
)
def test_a_file_that_is_no_boundary_file_is_invalid(tmp_path, account, name, content, rule):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Invalid, match=rule) as caught:
        boundaries.read(tmp_path / name, "adm1", account)
    assert caught.value.violations[0].pointer == "/file"


def test_an_unknown_level_is_invalid(tmp_path, account):
    with pytest.raises(Invalid, match="adm0, adm1"):
        boundaries.read(tmp_path / "places.geojson", "commune", account)


@pytest.mark.parametrize(
    ("name", "level", "count"), [("caf_adm3", "adm3", 175), ("caf_adm2", "adm2", 72), ("ssd_adm2", "adm2", 79)]
)
def test_the_real_boundaries_are_read_whole(real_data, account, name, level, count):
    found = boundaries.read(real_data / f"{name}.geojson", level, account)
    assert len(found) == account.read == count
    assert all(one.geometry.is_valid and one.parents for one in found)
    assert account.remarks == ()
