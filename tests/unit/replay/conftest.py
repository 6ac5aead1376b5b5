"""Lets the tests of replay import the sounds they share."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
