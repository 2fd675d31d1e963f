"""Run in a process of its own: opens addresses with geopandas, and prints as JSON what it finds."""

import json
import sys
import urllib.request

import geopandas
import pyogrio


def told(frame):
    """Say what is in a frame."""
    ids = frame["id"].tolist() if "id" in frame.columns else []
    return {
        "count": len(frame),
        "ids": ids,
        "columns": list(frame.columns),
        "crs": None if frame.crs is None else frame.crs.to_string(),
        "bounds": frame.total_bounds.tolist() if len(frame) else None,
    }


def main():
    asked = json.loads(sys.argv[1])
    found = {"version": pyogrio.__gdal_version_string__}
    for name, task in asked["tasks"].items():
        urllib.request.urlopen(asked["base"] + "/healthz").close()
        pyogrio.set_gdal_config_options(asked["none"] | task["config"])
        options = dict(task.get("options", {}))
        if "bbox" in options:
            options["bbox"] = tuple(options["bbox"])
        try:
            found[name] = told(geopandas.read_file(task["address"], **options))
        except Exception as error:  # noqa: BLE001 - one task that fails is told, the others are still done
            found[name] = {"error": f"{type(error).__name__}: {error}"}
    sys.stdout.write(json.dumps(found))


main()
