"""``python -m evote_chart.front_config FRONT OUT VALUES…`` writes the ``config.json`` that a front will serve.

Officers sign its bytes (``evote front sign --config``), so it is taken out of what Helm makes and never written anew.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Final

import yaml

from .settings import CHART

FRONTS: Final = ("resident", "board", "wall")


def main() -> int:
    """Render the chart with a city's values, and write the file."""
    arguments = argparse.ArgumentParser(prog="evote_chart.front_config", description="A front's config.json.")
    arguments.add_argument("front", choices=FRONTS)
    arguments.add_argument("out", type=Path)
    arguments.add_argument("values", nargs="+", type=Path, help="as for helm install, in the same order")
    arguments.add_argument("--release", default="evote", help="as for helm install (evote)")
    arguments.add_argument("--namespace", default="evote", help="as for helm install (evote); the wall's names hold it")
    asked = arguments.parse_args()
    given = [word for file in asked.values for word in ("--values", str(file))]
    template = f"templates/{asked.front}/{asked.front}.yaml"
    words = ("template", asked.release, str(CHART), "--namespace", asked.namespace, "--show-only", template)
    try:
        done = subprocess.run(  # noqa: S603 - the operator's own Helm
            ["helm", *words, *given],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        print("evote_chart.front_config: there is no helm on the path (make chart-tools builds one)", file=sys.stderr)
        return 1
    if done.returncode != 0:
        print(f"evote_chart.front_config: {done.stderr.strip()}", file=sys.stderr)
        return 1
    made = next(one for one in yaml.safe_load_all(done.stdout) if one and one["kind"] == "ConfigMap")
    asked.out.write_bytes(made["data"]["config.json"].encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
