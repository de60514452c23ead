"""The city's wall, which reads the city's Prometheus and what the public may read, and reaches nobody else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from evote_images.parts import ROOT
from evote_local.people.staff import Staff

from . import edge, watching
from .bundles import Bundle
from .faults import pods
from .probes import Try, get, hold
from .programs import Missing
from .release import SCHEMAS, image_of

_PORT: Final = 8080
_EDGE: Final = (edge.NAMESPACE, "daemonset/edge")
_READS: Final = json.loads((ROOT / "web/city/read/reads.json").read_text("utf-8"))
_ASKED: Final = ("ballot", "ledger-anchor", "tally")


def hung(chosen: Mapping[str, Any], image: Bundle, election: str, staff: Staff) -> dict[str, Any]:
    """The values of a release, and the wall of this election beside it."""
    return {
        **chosen,
        "hosts": {**chosen["hosts"], "wall": {"name": "wall.evote-cluster.test", "tlsSecret": "wall-tls"}},
        "wall": {
            "enabled": True,
            "image": image_of(image),
            "election": election,
            "officers": staff.speakers(),
            "ways": ["card"],
            "prometheus": f"http://prometheus-operated.{watching.SYSTEM}.svc.cluster.local:9090",
            "edge": {"peers": [{"namespaceLabels": {"kubernetes.io/metadata.name": edge.NAMESPACE}}]},
        },
    }


def look(watched: watching.Watch) -> Iterator[str]:
    """What it answers to all that its page asks, and what its pods reach; raises :class:`Missing`."""
    own = pods("wall")
    for pod in own:
        for name in (*_READS["public"], *_READS["prometheus"]):
            status, body = get(*_EDGE, pod, _PORT, f"/read/{name}")
            if status != 200:
                raise Missing(f"the wall's /read/{name}: {status} {body[-500:]}")
        scraped = json.loads(get(*_EDGE, pod, _PORT, "/read/scraped-at")[1])
        services = {one["metric"]["service"] for one in scraped["data"]["result"]}
        if services != {service for service in SCHEMAS if pods(service)}:
            raise Missing(f"the wall knows of {sorted(services)} when it was read")
        alerts = json.loads(get(*_EDGE, pod, _PORT, "/read/alerts")[1])
        fire = {one["metric"]["alertname"] for one in alerts["data"]["result"]}
        if watching.WATCHDOG not in fire or not fire <= watched.fired():
            raise Missing(f"the wall's alerts are {sorted(fire)}")
    yield f"{len(own)} replicas of the wall answer all that its page asks, from Prometheus and from what is public"
    wall = ("evote", own[0])
    prometheus = (watching.SYSTEM, watching.POD)
    yield from hold(
        [
            *(
                Try(f"the wall to {one}", *wall, pods(one)[0], 8000, allowed=one in _ASKED)
                for one in SCHEMAS
                if pods(one)
            ),
            *(Try(f"the wall to {one}'s metrics", *wall, pods(one)[0], 8001, allowed=False) for one in _ASKED),
            Try("Prometheus to the wall", *prometheus, own[0], _PORT, allowed=False),
            Try("the edge to the wall", *_EDGE, own[0], _PORT, allowed=True),
        ]
    )
