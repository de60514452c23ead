"""What a front tells Prometheus, by Debian's nginx over the city's own configuration."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from evote_local.nodes.ports import LOOPBACK, free_port, is_listening
from evote_local.nodes.processes import ChildProcess
from evote_local.stack.front import NGINX, NGINX_MAIN
from prometheus_client.parser import text_string_to_metric_families

EDGE = Path(__file__).parents[2] / "web/edge"


@pytest.fixture(params=["resident", "board", "city"])
def front(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str, str]]:
    """The folder of its pages, its public address and Prometheus'."""
    public, metrics = (f"{LOOPBACK}:{free_port()}" for _ in range(2))
    built = subprocess.run(
        ["node", EDGE / "build.mjs", request.param, "9.8.7"], capture_output=True, text=True, check=True
    )
    (tmp_path / "build.conf").write_text(built.stdout)
    (tmp_path / "connect-src.conf").write_text('set $connect_src "";\n')
    shutil.copy(EDGE / "headers.conf", tmp_path)
    (tmp_path / "index.html").write_text("<!doctype html>")
    conf = (EDGE / "nginx.conf").read_text("utf-8")
    for cities, ours in (
        *(("listen 8080;", f"listen {public};"), ("listen 8081;", f"listen {metrics};")),
        *(("/etc/evote-front", str(tmp_path)), ("/srv/resident", str(tmp_path))),
    ):
        conf = conf.replace(cities, ours)
    (tmp_path / "site.conf").write_text(conf)
    (tmp_path / "nginx.conf").write_text(NGINX_MAIN.format(here=tmp_path))
    command = [str(NGINX), "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf"), "-e", "stderr"]
    server = ChildProcess("nginx", command, log_path=tmp_path / "nginx.log")
    try:
        server.wait_until(lambda: is_listening(int(metrics.rpartition(":")[2])), timeout_s=50)
        yield request.param, f"http://{public}", f"http://{metrics}"
    finally:
        server.stop()


def test_a_front_tells_prometheus_that_it_is_there_and_nobody_else(front: tuple[str, str, str]) -> None:
    folder, public, metrics = front
    told = httpx.get(f"{metrics}/metrics", timeout=50)
    assert told.headers["content-type"] == "text/plain; version=0.0.4"
    (family,) = text_string_to_metric_families(told.text)
    ((name, labels, value, *_),) = family.samples
    service = {"city": "wall"}.get(folder, folder)
    assert (family.type, name, labels, value) == (
        *("gauge", "evote_build_info"),
        *({"service": service, "version": "9.8.7"}, 1),
    )
    # The public's port has nothing of it, and Prometheus' none of the pages.
    assert httpx.get(public, timeout=50).status_code == 200
    assert [httpx.get(place, timeout=50).status_code for place in (f"{public}/metrics", metrics)] == [404, 404]
