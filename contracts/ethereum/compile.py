"""Compile AnchorLog.vy into the file that evote_anchors ships: ``make contracts``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import vyper

SOURCE = Path(__file__).with_name("AnchorLog.vy")
ARTEFACT = Path(__file__).parents[2] / "libs/anchors/evote_anchors/ethereum/contract.json"


def compile_contract() -> str:
    """The artefact's text: what to deploy, what then stands on the chain, and how to call it."""
    out = vyper.compile_code(SOURCE.read_text(), output_formats=["abi", "bytecode", "bytecode_runtime"])
    artefact = {
        "compiler": f"vyper {vyper.__version__}",
        "abi": out["abi"],
        "bytecode": out["bytecode"],
        "runtime": out["bytecode_runtime"],
    }
    return json.dumps(artefact, indent=1) + "\n"


if __name__ == "__main__":
    ARTEFACT.write_text(compile_contract())
    sys.stdout.write(f"wrote {ARTEFACT}\n")
