"""What is told is made of scored worlds, which are written down beside the tests of scoring."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scoring"))
