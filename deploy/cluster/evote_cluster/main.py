"""``python -m evote_cluster.main prepare|up|down|test``: a real Kubernetes on this machine, and the chart on it.

``prepare`` says what the machine lacks for one, and builds its programs.

Exit status: 0 all is well, 1 something was not as it must be, 2 the machine lacks something.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from . import basics, bundles, nodes, programs
from .certificates import Authority
from .programs import Missing


def main() -> int:
    """Do what is asked for; returns the exit status."""
    arguments = argparse.ArgumentParser(prog="evote_cluster", description=__doc__)
    arguments.add_argument("act", choices=("prepare", "up", "down", "test"))
    arguments.add_argument("--nodes", type=int, choices=(1, 2), default=1)
    arguments.add_argument("--voters", type=int, default=100)
    arguments.add_argument("--face", type=int, default=0, help="how many of the crowd come by voting code and face")
    arguments.add_argument("--cloudnativepg", action="store_true", help="PostgreSQL by its operator, and it is lost")
    asked = arguments.parse_args()
    try:
        if asked.act == "prepare":
            _prepare()
        elif asked.act == "up":
            _up(asked.nodes)
        elif asked.act == "down":
            nodes.down()
        else:
            _test(asked.voters, asked.face, asked.cloudnativepg)
    except Missing as missing:
        print(missing, file=sys.stderr)
        return 2 if asked.act in ("prepare", "up") else 1
    except nodes.Refused as refused:
        print(refused, file=sys.stderr)
        return 1
    return 0


def _test(voters: int, by_face: int, cloudnativepg: bool) -> None:
    with tempfile.TemporaryDirectory(prefix="evote-cluster-") as name:
        folder = Path(name)
        authority = Authority("names-ca", folder / "names")
        # What people's devices have in their stores. Clients read it when they are imported.
        os.environ["SSL_CERT_FILE"] = str(authority.certificate)
        from .story import hold

        hold(folder, authority, voters=voters, by_face=by_face, cloudnativepg=cloudnativepg)


def _prepare() -> None:
    nodes.require_machine()
    programs.build()


def _up(count: int) -> None:
    _prepare()
    images = bundles.of_cluster()
    begun = time.monotonic()
    nodes.up(count)
    nodes.load(list(images.values()))
    basics.install(images)
    print(nodes.kubectl("get", "nodes", "-o", "wide"), end="")
    print(f"Up in {time.monotonic() - begun:.0f} s. For a shell:")
    print(f"export KUBECONFIG={nodes.kubeconfig()} PATH={programs.folder()}:$PATH")


if __name__ == "__main__":
    sys.exit(main())
