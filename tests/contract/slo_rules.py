"""The SLOs' rules, as Sloth writes them: ``python tests/contract/slo_rules.py`` writes ``rules/slos.yml``."""

from __future__ import annotations

import subprocess
import sys
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "deploy/monitoring"
SLOTH = ROOT / ".tools/sloth"
RULES = MONITORING / "rules/slos.yml"


def written() -> str:
    """What Sloth makes of ``slos.yml``, without its own version, which a build of ours has not."""
    rules = _generated()
    return f"# Written by `make alerts` (Sloth) from slos.yml; SHA-256 {digest(rules)}.\n{rules}"


def digest(rules: str) -> str:
    """Of rules and all that they are made of: who changes either alone is found, also where Sloth isn't built."""
    sources = [MONITORING / "slos.yml", MONITORING / "sloth/windows.yml", MONITORING / "sloth/go.sum"]
    return sha256(b"\0".join([*(file.read_bytes() for file in sources), rules.encode()])).hexdigest()


def _generated() -> str:
    windows = ["--default-slo-period", "7d", "--slo-period-windows-path", str(MONITORING / "sloth")]
    command = [str(SLOTH), "generate", "--no-log", "--input", str(MONITORING / "slos.yml"), *windows]
    rules = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return rules[rules.index("\ngroups:") :]


if __name__ == "__main__":
    RULES.write_text(written())
    sys.exit(0)
