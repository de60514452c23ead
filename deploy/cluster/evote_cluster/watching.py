"""A Prometheus by its operator, as a city has one: it finds the release by the chart's PodMonitors, reads it by the
token of the roster, and judges by the chart's rules."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx
import yaml
from evote_local.nodes.prometheus import ask

from . import cloudnativepg as cnpg
from . import nodes, probes, programs
from .basics import POD_SECURITY, Resource, named, run_here
from .bundles import PROMETHEUS, Bundle
from .faults import pods
from .programs import Missing
from .release import NAMESPACE, RELEASE, SCHEMAS, wait_ready

Found = TypeVar("Found")
SYSTEM: Final = "monitoring"
"""The namespace, from which the chart's policies let Prometheus in."""
_NAME: Final = "city"
POD: Final = f"prometheus-{_NAME}-0"
_MODULE: Final = "github.com/prometheus-operator/prometheus-operator"
_OPERATOR: Final = "prometheus-operator"
_RELOADER: Final = "--prometheus-config-reloader"
_THRESHOLD: Final = re.compile(r"\s*(?:==|!=|<=|>=|<|>)\s*[\d.]+(?:\s*\*\s*[\d.]+)*$")
FOREIGN: Final = re.compile(r"\b(?:cnpg|barman)_\w+")
_NO_STANDBY: Final = "EvoteNoSynchronousStandby"
OF_DATABASES: Final = (_NO_STANDBY, "EvoteStandbyMissing", "EvoteArchivingFails", "EvoteBackupOld")
UNREADY: Final = "EvoteServiceUnready"
WATCHDOG: Final = "EvoteWatchdog"
_NOBODY_LEADS: Final = "EvoteSequencersNotOne"
_OF_THE_MACHINE: Final = frozenset({WATCHDOG, "EvoteEventLoopLate", "EvoteDatabasePoolFull"})
"""Of the release nothing is wrong where two processors do all that others have a room of machines for."""
_JUDGED_S: Final = 90
"""For so long rules are judged before anything is lost: most pages wait for a minute."""
_METRICS: Final = frozenset({"management", "metrics"})
"""The names of the ports that Prometheus reads: the services' own; the fronts', CloudNativePG's exporter."""
_FRONTS: Final = ("resident", "board", "wall")
"""Each told by its pods, where there are any."""

# Debian builds Prometheus without discovery by Kubernetes: what the operator wrote goes on, with the same pods from
# another place. What reloads it when the operator writes anew, as for the wall that is hung later, reads rules alone.
_START: Final = r"""
take() {
  awk '/^  kubernetes_sd_configs:/ {
      print "  http_sd_configs:\n  - url: " ENVIRON["PODS"] "\n    refresh_interval: 5s"
      off = 1
      next
    }
    off && /^  [a-z]/ { off = 0 }
    !off' /etc/prometheus/config_out/prometheus.env.yaml >/prometheus/config.new && mv /prometheus/config.new "$1"
}
take /prometheus/config.yaml || exit
while sleep 2; do
  take /prometheus/config.next && ! cmp -s /prometheus/config.next /prometheus/config.yaml \
    && mv /prometheus/config.next /prometheus/config.yaml && kill -HUP $$
done &
for word; do
  shift
  case $word in --config.file=*) word=--config.file=/prometheus/config.yaml ;; esac
  set -- "$@" "$word"
done
exec /usr/bin/prometheus "$@"
"""


def install(images: Mapping[str, Bundle]) -> None:
    """Start the operator; return when it takes resources. What the chart makes for one, it makes where this was."""
    _, sources = programs.sources(programs.PROMETHEUS_OPERATOR, _MODULE)
    nodes.kubectl("apply", "--server-side", "-f", str(sources / "example/prometheus-operator-crd"))
    nodes.apply(named("Namespace", SYSTEM, None))
    nodes.apply(*_operator(images, sources / "example/rbac" / _OPERATOR))
    _roll_out(f"deployment/{_OPERATOR}")


def command() -> list[str]:
    """What the pod starts in Prometheus' stead. The kubelet makes one of each two dollars."""
    return ["/bin/sh", "-c", _START.replace("$", "$$"), "prometheus"]


def start(images: Mapping[str, Bundle], pods_at: str) -> Watch:
    """Have it make a Prometheus, which begins to look; return when that answers.

    Args:
        pods_at: the address of :func:`evote_cluster.discovery.serve`.
    """
    _, sources = programs.sources(programs.PROMETHEUS_OPERATOR, _MODULE)
    nodes.apply(*moved(sources / "example/rbac/prometheus", "prometheus", ("service-account", "cluster-role")))
    spec = {
        "image": images["prometheus"].reference,
        "version": f"v{PROMETHEUS}",
        # A city's own, and nothing of the chart: asked for nothing, the operator lets half a minute pass.
        "evaluationInterval": "5s",
        "imagePullPolicy": "IfNotPresent",
        "replicas": 1,
        "serviceAccountName": "prometheus",
        "securityContext": POD_SECURITY,
        "nodeSelector": {"kubernetes.io/hostname": "node1"},
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}},
        # Laid over what the operator makes, by the container's name.
        "containers": [
            {
                "name": "prometheus",
                "command": command(),
                "env": [{"name": "PODS", "value": pods_at}],
            }
        ],
        # Of all namespaces all that is there.
        **{f"{kind}{of}Selector": {} for kind in ("podMonitor", "rule") for of in ("", "Namespace")},
    }
    nodes.apply(named("Prometheus", _NAME, SYSTEM, "monitoring.coreos.com/v1", spec=spec))
    made = f"statefulset/prometheus-{_NAME}"
    nodes.until(lambda: nodes.kubectl("-n", SYSTEM, "get", made, "--ignore-not-found"), "a Prometheus is made", 60)
    _roll_out(made)
    place = nodes.kubectl("-n", SYSTEM, "get", "pod", POD, "-o", "jsonpath={.status.podIP}")
    return Watch(f"http://{place}:9090")


class Watch:
    """What the city's Prometheus has seen."""

    def __init__(self, url: str) -> None:
        """``url``: its address, without a trailing slash."""
        self.url = url

    def look(self, databases: Sequence[str]) -> Iterator[str]:
        """That it sees all there is, and of databases nothing to tell; raises :class:`Missing`.

        Args:
            databases: CloudNativePG's clusters, if there are any.
        """
        queries = nodes.until(self._rules_of_the_chart, "Prometheus has the chart's rules", 120)
        yield from self.read(databases)
        yield f"it judges by {len(queries)} rules"
        services = {service for service in SCHEMAS if pods(service)}
        self._wait_measures(UNREADY, queries, "service", services)
        yield f"{UNREADY} joins checks and replicas of all services"
        if databases:
            foreign = {name for query in queries.values() for name in FOREIGN.findall(query)}
            for name in sorted(foreign):
                self._wait_of("cluster", name, {*databases})
                yield f"{name} is there of {' and '.join(databases)}"
            for alert in OF_DATABASES:
                self._wait_measures(alert, queries, "cluster", {*databases})
                if found := ask(self.url, queries[alert]):
                    raise Missing(f"nothing has happened yet, and {alert} begins: {found}")
                yield f"{alert} has something to judge of each, and nothing to tell"

    def read(self, databases: Sequence[str]) -> Iterator[str]:
        """That each pod of the release is a target that answers, and nothing else is; arguments as of :meth:`look`."""
        wanted = _targets(databases)
        _wait(self._up, lambda found: found == wanted, f"Prometheus reads {sorted(wanted)}", 180)
        jobs = ", ".join(sorted({job for job, _ in wanted}))
        yield f"Prometheus reads all {len(wanted)} targets that there are, {jobs}"

    def calm(self) -> str:
        """That it has judged for long enough, and nobody was told of anything yet; raises :class:`Missing`."""
        age = f'time() - max(ALERTS_FOR_STATE{{alertname="{WATCHDOG}"}}) > {_JUDGED_S}'
        nodes.until(lambda: ask(self.url, age), "rules are judged", 300)
        if others := self.fired() - {WATCHDOG}:
            raise Missing(f"nothing was lost yet, and these alerts fired: {sorted(others)}")
        return f"{WATCHDOG} fires, and since Prometheus looks no other alert has"

    def drill(self, databases: Sequence[str]) -> Iterator[str]:
        """Something is away until somebody is paged, and comes back until nobody is.

        It is who puts ballots into the log; with databases, given as to :meth:`look`, all their standbys instead.
        Nobody may vote meanwhile: they would wait for longer than people do.
        """
        yield from self._without_standbys(databases) if databases else self._without_sequencer()

    def _without_standbys(self, databases: Sequence[str]) -> Iterator[str]:
        for name in databases:
            cnpg.fence_the_standbys(name)
        yield self._wait_fires(_NO_STANDBY, "a standby")
        for name in databases:
            cnpg.fence_nobody(name)
        for name in databases:
            cnpg.wait_healthy(name)
        yield self._wait_over(_NO_STANDBY, "all standbys")

    def _without_sequencer(self) -> Iterator[str]:
        sequencer = ("-n", NAMESPACE, "scale", f"statefulset/{RELEASE}-ledger-anchor")
        replicas = len(pods("ledger-anchor"))
        nodes.kubectl(*sequencer, "--replicas=0")
        yield self._wait_fires(_NOBODY_LEADS, "a replica of ledger-anchor")
        nodes.kubectl(*sequencer, f"--replicas={replicas}")
        yield self._wait_over(_NOBODY_LEADS, f"{replicas} of them")

    def _wait_fires(self, alert: str, what: str) -> str:
        _wait(self.firing, lambda found: alert in found, f"{alert} fires", 300)
        return f"without {what} fire {sorted(self.firing())}"

    def _wait_over(self, alert: str, what: str) -> str:
        wait_ready()
        _wait(self.firing, lambda found: alert not in found, f"{alert} fires no more", 300)
        return f"with {what} again {alert} fires no more; {sorted(self.firing())} do"

    def wait_leads(self, pod: str) -> None:
        """Return when it has seen that this replica of ledger-anchor leads, and no other."""
        _wait(self.leading, lambda found: found == {pod}, f"Prometheus sees that {pod} alone leads", 120)

    def leading(self) -> set[str]:
        """Of ledger-anchor, the replicas that lead."""
        return {labels["pod"] for labels, _ in ask(self.url, "evote_ledger_leading == 1")}

    def firing(self) -> set[str]:
        """The alerts that fire now."""
        return {labels["alertname"] for labels, _ in ask(self.url, 'ALERTS{alertstate="firing"}')}

    def fired(self) -> set[str]:
        """All that have, since it began to look."""
        query = 'count by (alertname) (count_over_time(ALERTS{alertstate="firing"}[1d]))'
        return {labels["alertname"] for labels, _ in ask(self.url, query)}

    def judge(self, explained: frozenset[str]) -> str:
        """That nobody was told of anything but what has happened; raises :class:`Missing`."""
        fired = self.fired()
        if others := unexplained(fired, explained):
            raise Missing(f"these alerts fired, and nothing that happened here explains them: {others}")
        return f"since Prometheus looks, these alerts have fired, each by what happened: {sorted(fired)}"

    def _up(self) -> set[tuple[str, str]]:
        return {(labels.get("cluster", labels["job"]), labels["pod"]) for labels, _ in ask(self.url, "up == 1")}

    def _rules_of_the_chart(self) -> Mapping[str, str]:
        """By name the queries of all its rules; none while one of the chart's is missing."""
        answer = httpx.get(f"{self.url}/api/v1/rules", timeout=30)
        answer.raise_for_status()
        found = {
            rule["name"]: str(rule["query"]) for group in answer.json()["data"]["groups"] for rule in group["rules"]
        }
        return found if rules_of_the_chart() <= found.keys() else {}

    def _wait_measures(self, alert: str, queries: Mapping[str, str], label: str, wanted: set[str]) -> None:
        self._wait_of(label, before_the_threshold(queries[alert]), wanted)

    def _wait_of(self, label: str, query: str, wanted: set[str]) -> None:
        def found() -> set[str]:
            return {labels.get(label, "") for labels, _ in ask(self.url, query)}

        _wait(found, lambda told: told == wanted, f"{query} tells of {sorted(wanted)}", 180)


def unexplained(fired: set[str], explained: frozenset[str]) -> list[str]:
    """What of the alerts that fired is told of nothing that has happened."""
    return sorted(fired - explained - _OF_THE_MACHINE)


def drilled(databases: Sequence[str]) -> frozenset[str]:
    """What :meth:`Watch.drill` lets fire."""
    leaderless = {_NOBODY_LEADS, "EvoteServiceAbsent", "EvoteMonitorBlind", "EvoteBallotsUnlogged", "EvoteLoggedLate"}
    return frozenset({_NO_STANDBY, "EvoteStandbyMissing"} if databases else leaderless)


def rules_of_the_chart() -> set[str]:
    """The names of the alerts in its resources, as Kubernetes has them."""
    words = ("-n", NAMESPACE, "get", "prometheusrules.monitoring.coreos.com", "-o", "json")
    resources = json.loads(nodes.kubectl(*words))["items"]
    groups = [group for one in resources for group in one["spec"]["groups"]]
    return {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}


def before_the_threshold(query: str) -> str:
    """What an alert's query compares with a number at its end."""
    measured, cut = _THRESHOLD.subn("", query)
    if not cut:
        raise Missing(f"{query} ends with no threshold")
    return measured


def probe() -> Iterator[str]:
    """What Prometheus' pod reaches of the release, and must not; raises :class:`Missing`."""
    yield from probes.reach("Prometheus", (SYSTEM, POD, "prometheus"), may_read)


def may_read(_: Mapping[str, str], port: str) -> bool:
    """What of any pod Prometheus may reach, by the port's name."""
    return port in _METRICS


def _targets(databases: Sequence[str]) -> set[tuple[str, str]]:
    """Whom it has to read: of the chart's services, fronts and databases every pod."""
    services = {(service, pod) for service in (*SCHEMAS, *_FRONTS) for pod in pods(service)}
    return services | {(name, pod.partition("/")[2]) for name in databases for pod in cnpg.pods(name)}


def _wait(look: Callable[[], Found], holds: Callable[[Found], bool], what: str, within_s: float) -> None:
    """As :func:`nodes.until`, and says what there was instead."""
    try:
        nodes.until(lambda: holds(look()), what, within_s)
    except Missing as missing:
        raise Missing(f"{missing} There is: {look()}") from None


def _roll_out(what: str) -> None:
    nodes.kubectl("-n", SYSTEM, "rollout", "status", what, "--timeout=300s", timeout_s=330)


def _operator(images: Mapping[str, Bundle], release: Path) -> Iterator[Resource]:
    yield from moved(release, _OPERATOR, ("service-account", "cluster-role"))
    (deployment,) = moved(release, _OPERATOR, ("deployment",))
    run_here(deployment, images[_OPERATOR], {})
    (manager,) = deployment["spec"]["template"]["spec"]["containers"]
    others = [word for word in manager["args"] if not word.startswith(_RELOADER)]
    manager["args"] = [*others, f"{_RELOADER}={images['prometheus-config-reloader'].reference}"]
    yield deployment


def moved(folder: Path, name: str, parts: Sequence[str]) -> Iterator[Resource]:
    """Of a release's files some, in our namespace; with a role its binding."""
    files = [part for given in parts for part in ([given, f"{given}-binding"] if given == "cluster-role" else [given])]
    for file in files:
        resource: dict[str, Any] = yaml.safe_load((folder / f"{name}-{file}.yaml").read_text("utf-8"))
        if not resource["kind"].startswith("ClusterRole"):
            resource["metadata"]["namespace"] = SYSTEM
        for subject in resource.get("subjects", ()):
            subject["namespace"] = SYSTEM
        yield resource
