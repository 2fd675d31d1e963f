"""OGC API - Features: the layers as GIS tools ask for them."""
