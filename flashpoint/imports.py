"""Bringing published files in: boundaries, population figures, UCDP events.

Each verb reads a file with its reader of ``ingest``, stores what is new, and gives an account in which every row of
the file ends up imported, skipped or already there. Importing the same file again changes nothing.
"""

from flashpoint.import_places import BoundaryTarget, Progress, boundaries
from flashpoint.import_population import population
from flashpoint.import_ucdp import UcdpTarget, ucdp

__all__ = ["BoundaryTarget", "Progress", "UcdpTarget", "boundaries", "population", "ucdp"]
