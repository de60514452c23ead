"""Anchors on Ethereum, in the contract ``contracts/ethereum/AnchorLog.vy``."""

from __future__ import annotations

import sys
from typing import Final

import py_ecc  # noqa: F401 - web3 brings it; importing it here is what lets the next lines come after it

# py_ecc raises the limit to 100,000 for the whole process, for the sake of arithmetic that nobody here uses. A deeply
# nested JSON text from outside would then run over the end of C's stack instead of raising RecursionError.
_RECURSION_LIMIT: Final = 1000  # Python's own
sys.setrecursionlimit(_RECURSION_LIMIT)
