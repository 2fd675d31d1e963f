"""Layers as files: GeoJSON, GeoPackage, FlatGeobuf, GeoParquet, CSV, XLSX and KML.

A file is made of the released rows of one state and of nothing else, so the same state gives the same bytes. Rows pass
in parts: however many there are, a few thousand are in memory.

    formats     what a layer can be had as, and how the files are called
    imprint     what every file says of itself
    content     what a writer is given: imprint, columns, rows
    making      the verb: read, write, count
    *_file      one writer each
"""
