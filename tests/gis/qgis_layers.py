"""Run by the system's Python, which has QGIS: opens layers as a person would, and prints as JSON what it finds.

The argument is a JSON object: the base address, the key to make an authentication configuration of, a folder for it,
and the tasks. Nothing is left in the profile of whoever runs the tests.
"""

import json
import os
import sys
import urllib.request

import qgis_key
from qgis.core import (
    Qgis,
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsFeatureRequest,
    QgsLayerDefinition,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsProject,
    QgsRectangle,
    QgsVectorLayer,
    QgsVectorTileBasicRenderer,
    QgsVectorTileLayer,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import QEventLoop, QSize, QUrl
from qgis.PyQt.QtGui import QColor

MERCATOR = "EPSG:3857"
#: Seven letters or digits, as QGIS wants it: what the layer definition of the service names.
AUTHENTICATION = "flashpt"


def bounds(rectangle):
    return [rectangle.xMinimum(), rectangle.yMinimum(), rectangle.xMaximum(), rectangle.yMaximum()]


def told(layer, rectangle=None):
    """Read every feature of a layer, once, or those within a rectangle."""
    assert layer.isValid(), layer.error().message() or layer.dataProvider().error().message()
    extent = QgsRectangle()
    extent.setMinimal()
    found = {"ids": [], "tiers": [], "crs": layer.crs().authid(), "fields": [field.name() for field in layer.fields()]}
    request = QgsFeatureRequest()
    if rectangle is not None:
        request.setFilterRect(QgsRectangle(*rectangle))
    for feature in layer.getFeatures(request):
        found["ids"].append(feature["id"] if "id" in found["fields"] else feature.id())
        if "tier" in found["fields"]:
            found["tiers"].append(feature["tier"])
        if feature.hasGeometry():
            extent.combineExtentWith(feature.geometry().boundingBox())
        del feature
    return {**found, "extent": bounds(extent), "styled": styled(layer)}


def styled(layer):
    """Say by what a layer is drawn, and in what colour which value."""
    renderer = layer.renderer()
    if renderer.type() != "categorizedSymbol":
        return None
    colours = {str(one.value()): one.symbol().color().name() for one in renderer.categories()}
    return {"by": renderer.classAttribute(), "colours": colours}


def drawn(layer, extent, crs):
    """Draw a layer on white; give the colours that cover at least a hundredth of the picture, and their pixels."""
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setDestinationCrs(QgsCoordinateReferenceSystem(crs))
    settings.setExtent(QgsRectangle(*extent))
    settings.setOutputSize(QSize(256, 256))
    settings.setBackgroundColor(QColor("white"))
    # Tiles are fetched by the loop of events, so that nothing may wait for them but another one.
    job, loop = QgsMapRendererParallelJob(settings), QEventLoop()
    job.finished.connect(loop.quit)
    job.start()
    loop.exec_()
    picture = job.renderedImage()
    counts = {}
    for x in range(256):
        for y in range(256):
            name = QColor(picture.pixel(x, y)).name()
            counts[name] = counts.get(name, 0) + 1
    return {name: count for name, count in counts.items() if name != "#ffffff" and count >= 8}


def open_features(task):
    """OGC API - Features: Layer > Add Layer > Add WFS / OGC API - Features Layer."""
    uri = f"url='{task['url']}' typename='{task['layer']}' version='OGC_API_FEATURES' authcfg={AUTHENTICATION}"
    if "rectangle" in task:
        uri += " restrictToRequestBBOX='1'"
    layer = QgsVectorLayer(uri, "features", "OAPIF")
    if "subset" in task:
        assert layer.setSubsetString(task["subset"]), "the filter was refused"
    return told(layer, task.get("rectangle"))


def open_address(task):
    """GeoJSON by its address: Layer > Add Layer > Add Vector Layer > Protocol HTTP(S)."""
    return told(QgsVectorLayer(f"/vsicurl/{task['url']} authcfg='{AUTHENTICATION}'", "address", "ogr"))


def open_tiles(task):
    """Vector tiles: Layer > Add Layer > Add Vector Tile Layer > New Generic Connection."""
    address = bytes(QUrl.toPercentEncoding(task["url"], b"{}")).decode()
    uri = f"type=xyz&url={address}&zmin=0&zmax={task['zmax']}&authcfg={AUTHENTICATION}"
    layer = QgsVectorTileLayer(uri, "tiles")
    assert layer.isValid(), "not a layer of vector tiles"
    by_tier = []
    for tier, colour in task["colours"].items():
        (style,) = simple_style(QColor(colour))
        style.setLayerName("matrix")
        style.setFilterExpression(f"tier = '{tier}'")
        by_tier.append(style)
    layer.renderer().setStyles(by_tier)
    found = drawn(layer, task["extent"], MERCATOR)
    for _ in range(2):  # the first picture may be finished before its tiles are there
        found = found or drawn(layer, task["extent"], MERCATOR)
    return {"colours": found}


def simple_style(colour):
    """Give the style for areas of those that QGIS starts from."""
    styles = QgsVectorTileBasicRenderer.simpleStyle(colour, colour, 0.1, colour, 0.1, colour, colour, 0.1)
    return [style for style in styles if style.geometryType() == QgsWkbTypes.PolygonGeometry]


def open_file(task):
    """A file from the disk, with the style that it brings along."""
    layer = QgsVectorLayer(task["path"], "file", "ogr")
    message, done = layer.loadDefaultStyle()
    assert done, message
    return told(layer)


def open_definition(task):
    """A layer definition: Layer > Add from Layer Definition File."""
    project = QgsProject.instance()
    done, error = QgsLayerDefinition.loadLayerDefinition(task["path"], project, project.layerTreeRoot())
    assert done, error
    (layer,) = project.mapLayers().values()
    found = told(layer)
    found["colours"] = drawn(layer, found["extent"], layer.crs().authid())
    del layer
    project.removeAllMapLayers()
    return found


KINDS = {
    "features": open_features,
    "address": open_address,
    "tiles": open_tiles,
    "file": open_file,
    "definition": open_definition,
}


def main():
    asked = json.loads(sys.argv[1])
    os.environ["QGIS_AUTH_DB_DIR_PATH"] = asked["folder"]
    application = QgsApplication([], False, asked["folder"])
    application.initQgis()
    found = {"version": Qgis.QGIS_VERSION}
    try:
        qgis_key.keep(AUTHENTICATION, asked["key"])
        for name, task in asked["tasks"].items():
            urllib.request.urlopen(asked["base"] + "/healthz").close()
            try:
                found[name] = KINDS[task["kind"]](task)
            except Exception as error:  # noqa: BLE001 - one task that fails is told, the others are still done
                found[name] = {"error": f"{type(error).__name__}: {error}"}
    finally:
        sys.stdout.write(json.dumps(found))
        sys.stdout.flush()
        # Layers that are still there when QGIS ends would bring it down.
        QgsProject.instance().clear()
        application.exitQgis()


main()
