"""Run by the system's Python, which has QGIS: opens exported files as they are, and prints as JSON how they are drawn.

The argument is a JSON object: a key, a folder for the authentication database, and the paths of a GeoPackage and of a
layer definition. Nothing is changed in either: whoever has a configuration of that id opens them as they come.
"""

import json
import os
import sys

import qgis_key
from qgis.core import QgsApplication, QgsLayerDefinition, QgsVectorLayer


def told(layer):
    """Say how a layer is drawn, and read all of it."""
    assert layer.isValid(), layer.error().message()
    renderer, ids = layer.renderer(), [feature["id"] for feature in layer.getFeatures()]
    by_tier = renderer.type() == "categorizedSymbol"
    colours = {one.value(): one.symbol().color().name() for one in renderer.categories()} if by_tier else {}
    return {"provider": layer.providerType(), "ids": sorted(ids), "drawn": renderer.type(), "colours": colours}


def main():
    asked = json.loads(sys.argv[1])
    os.environ["QGIS_AUTH_DB_DIR_PATH"] = asked["folder"]
    application = QgsApplication([], False, asked["folder"])
    application.initQgis()
    qgis_key.keep(asked["authentication"], asked["key"])
    found = {}
    for name, path in asked["files"].items():
        layer = QgsVectorLayer(path, name, "ogr")
        found[name] = told(layer)
        # Layers that are still there when QGIS ends would bring it down.
        del layer
    (layer,) = QgsLayerDefinition.loadLayerDefinitionLayers(asked["definition"])
    found["definition"] = told(layer)
    del layer
    print(json.dumps(found), flush=True)  # noqa: T201 - this is how it tells
    application.exitQgis()


main()
