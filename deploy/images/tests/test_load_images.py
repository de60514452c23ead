"""``load-images.sh`` with stand-ins for kind, k3d and docker, which write down how they were called."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from evote_images.oci import Start, pack_folders, write_image
from evote_images.parts import ROOT

_NODES = {
    "kind": "city-control-plane\ncity-worker\n",
    "k3d": "k3d-city-server-0 server 1 running\nk3d-city-agent-0 agent 1 running\n"
    "k3d-city-serverlb loadbalancer 1 running\nk3d-other-server-0 server 1 running\n",
}
_OURS = {"kind": ["city-control-plane", "city-worker"], "k3d": ["k3d-city-server-0", "k3d-city-agent-0"]}


@pytest.mark.parametrize("program", _NODES)
def test_each_node_knows_each_image_by_the_name_that_the_chart_asks_for(program: str, tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    layer = pack_folders({"app": tmp_path / "app"}, tmp_path / "layer")
    digests = {
        part: write_image(tmp_path / f"{part}.tar", f"r.example/evote/{part}:0.1.0", (layer,), Start([part]), {})
        for part in ("auth", "ballot")
    }
    (tmp_path / "nodes").write_text(_NODES[program])
    (tmp_path / "bin").mkdir()
    for name in ("kind", "k3d", "docker"):
        stand_in = tmp_path / "bin" / name
        stand_in.write_text(
            f'#!/bin/sh\necho {name} "$@" >>"{tmp_path}/called"\ncase $2 in nodes|list) cat "{tmp_path}/nodes";; esac\n'
        )
        stand_in.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "IMAGES": str(tmp_path)}
    script = ROOT / "deploy/images/load-images.sh"
    subprocess.run([script, program, "city", "auth", "ballot"], env=environment, check=True)
    called = (tmp_path / "called").read_text().splitlines()
    assert [line for line in called if f"{tmp_path}/auth.tar" in line]
    assert [line for line in called if line.startswith("docker")] == [
        f"docker exec {node} ctr --namespace k8s.io images tag --force r.example/evote/{part}:0.1.0"
        f" r.example/evote/{part}@{digests[part]}"
        for part in digests
        for node in _OURS[program]
    ]
