"""The random worlds of the scoring tests serve the laws as well."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "scoring"))
