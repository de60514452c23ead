"""A Kubernetes on this machine, each node in namespaces of its own; up in seconds, and gone without a trace.

Node 0 holds the control plane, the others a kubelet, containerd, kube-proxy and kube-router, which enforces policies.
Their addresses are 10.250.0.2 and following on a bridge of their own, pods have 10.244.0.0/16, services 10.96.0.0/16.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar

from .bundles import Bundle
from .certificates import Authority, signing_pair
from .programs import Missing, folder, home

Found = TypeVar("Found")
OUTSIDE: Final = "10.250.0.1"
"""This machine, as nodes and pods see it."""
API: Final = "10.250.0.2"
API_PORT: Final = 6443
"""As in node.sh."""
BRIDGE: Final = "evote-cluster0"
CGROUP: Final = "evote-cluster"
# Beside a busy machine's own processes a group counts as one of them, however many are in it.
_SHARES: Final = {"cpu.shares": "10240", "cpu.weight": "1000"}
_CGROUPS: Final = Path("/sys/fs/cgroup")
_HERE: Final = Path(__file__).parent
_NEEDED: Final = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "nft": "nftables",
    "iptables": "iptables",
    "ipset": "ipset",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "unshare": "util-linux",
    "curl": "curl",
    "mmdebstrap": "mmdebstrap",
    "softhsm2-util": "softhsm2",
}
"""Programs, and Debian's packages that they are in."""
_PLUGINS: Final = Path("/usr/lib/cni")
_COVERED: Final = ("/run", "/var", "/usr/libexec")
"""As in node.sh."""
_WRITTEN: Final = (
    *("/etc", "/opt", "/run", "/run/netns", "/run/lock", "/tmp", "/usr/libexec"),  # noqa: S108 - looked at
    *("/var/lib", "/var/log", "/var/run/netns", "/sys/class/net", "/dev/shm"),  # noqa: S108
)
_MARKS: Final = re.compile(r"/(evote-cluster(?!-)|evc|cni|kube|containerd|containers$|runc|pods$|netns$|xtables)")


class Refused(Exception):
    """``kubectl`` ended badly: ``words`` and what it ``said``."""

    def __init__(self, words: Sequence[str], said: str) -> None:
        super().__init__(f"kubectl {' '.join(words[:6])}: {said[-4000:]}")
        self.words, self.said = words, said


def run_folder() -> Path:
    """State of the running cluster."""
    return home() / "run"


def kubeconfig() -> Path:
    """With which an administrator reaches the cluster."""
    return run_folder() / "pki/admin.kubeconfig"


def address(node: int) -> str:
    """The node's own."""
    return f"10.250.0.{node + 2}"


def numbers() -> list[int]:
    """The nodes of the running cluster, without the control plane."""
    file = run_folder() / "nodes"
    return list(range(1, int(file.read_text()) + 1)) if file.exists() else []


def require_machine() -> None:
    """Raise :class:`Missing` with all that the machine lacks."""
    if os.geteuid() != 0:
        raise Missing("A cluster takes root, for namespaces and cgroups of its own: repeat as root.")
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    packages = {package for program, package in _NEEDED.items() if shutil.which(program, path=path) is None}
    if not (_PLUGINS / "ptp").exists():
        packages.add("containernetworking-plugins")
    if packages:
        wanted = " ".join(sorted(packages))
        raise Missing(f"Install from Debian, then repeat: apt-get install --no-install-recommends {wanted}")
    if any(run_folder().resolve().is_relative_to(place) for place in _COVERED):
        raise Missing(f"{run_folder()} is in a folder that nodes get a layer over: set XDG_CACHE_HOME to another one.")
    hierarchies = list(_hierarchies()) if _CGROUPS.is_dir() else []
    if not hierarchies or not all(os.access(place, os.W_OK) for place in hierarchies):
        raise Missing(
            f"{_CGROUPS} can't be written: a cluster takes a machine, or a container with cgroups of its own."
        )


def up(nodes: int) -> None:
    """Start a fresh cluster and return when its nodes are ready; raises :class:`Missing`."""
    require_machine()
    if Path(f"/sys/class/net/{BRIDGE}").exists():
        raise Missing("A cluster is up already, perhaps another checkout's: make cluster-down takes it away.")
    run = run_folder()
    _clear(run)
    for logs in (*run.glob("node*/log"), *run.glob("node*/pod-logs")):
        shutil.rmtree(logs)
    run.mkdir(parents=True, exist_ok=True)
    (run / "nodes").write_text(f"{nodes}\n")
    (run / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    _make_certificates(run / "pki", nodes)
    _ip("link", "add", BRIDGE, "type", "bridge")
    _ip("addr", "add", f"{OUTSIDE}/24", "dev", BRIDGE)
    _ip("link", "set", BRIDGE, "up")
    for number in range(1, nodes + 1):
        # An administrator reaches pods by their addresses.
        _ip("route", "add", f"10.244.{number - 1}.0/24", "via", address(number))
    for number in range(nodes + 1):
        _start_node(run, number, nodes)
    until(lambda: _ready_nodes() == nodes, "the nodes become ready", 180)


def down() -> None:
    """End all that runs of the cluster, and take its mounts, interfaces and cgroups away.

    Images and programs stay, and logs until the next :func:`up`.
    """
    run = run_folder()
    for number in (0, *numbers()):
        file = run / f"node{number}/pid"
        if file.exists():
            _end(int(file.read_text()))
        _cut(number)
    if Path(f"/sys/class/net/{BRIDGE}").exists():
        _ip("link", "del", BRIDGE)
    until(_cgroups_removed, f"the cgroups {CGROUP} are empty", 30)
    _clear(run)


def note() -> None:
    """Write what Kubernetes says of all pods, and of what happened to them, beside the logs, as long as it can tell."""
    said = [kubectl(*words, "-A", "-o", "wide") for words in (("get", "pods"), ("get", "events"))]
    (run_folder() / "node0/log/kubernetes.txt").write_text("\n".join(said))


def traces() -> set[str]:
    """What of any cluster this machine has: places that the programs of one write to, mounts, links, cgroups."""
    shared = [path for place in _WRITTEN for path in Path(place).glob("*")]
    own = [hierarchy / CGROUP for hierarchy in _hierarchies()]
    found = {str(path) for path in (*shared, *own) if path.exists() and _MARKS.search(str(path))}
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    found.update(place for place in mounts if place.startswith(str(run_folder())))
    return found


def load(images: Iterable[Bundle]) -> None:
    """Bring images to each node, to all at once, and call each by what it is, as it would be called after a registry
    had given it.

    What a node has already stays, and what it has of earlier builds goes: no registry could bring it back, and so no
    kubelet collects it before the disk is full.
    """
    wanted = list(images)
    with ThreadPoolExecutor() as threads:
        for done in [threads.submit(_load, number, wanted) for number in numbers()]:
            done.result()


def _load(number: int, images: Sequence[Bundle]) -> None:
    had = [line.split() for line in _ctr(number, "images", "ls").splitlines()[1:]]
    digests, names = {image.digest for image in images}, set[str]()
    for name, _, digest, *_ in had:
        if digest in digests:
            names.add(name)
        else:
            _ctr(number, "images", "rm", name)
    for image in images:
        if image.reference not in names:
            _ctr(number, "images", "import", str(image.archive))
            _ctr(number, "images", "tag", "--force", image.name, image.reference)


def kubectl(*words: str, stdin: str | None = None, timeout_s: float = 300) -> str:
    """What ``kubectl`` prints; raises :class:`Refused`."""
    done = subprocess.run(  # noqa: S603 - our own program
        [str(folder() / "kubectl"), *words],
        env={**os.environ, "KUBECONFIG": str(kubeconfig())},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    if done.returncode != 0:
        raise Refused(words, done.stdout + done.stderr)
    return done.stdout


def apply(*resources: dict[str, Any]) -> None:
    """Make the resources as they stand here."""
    items = {"apiVersion": "v1", "kind": "List", "items": list(resources)}
    kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(items))


def kill_pod(node: str, uid: str) -> None:
    """``kill -9`` for all processes of a pod, by the ids in its cgroup; the kubelet starts its containers again."""
    hierarchy = _CGROUPS if _unified() else _CGROUPS / "pids"
    # Other containers' groups may go while it looks: it takes no notice.
    for place, _, _ in os.walk(hierarchy / CGROUP / node):
        if f"pod{uid}" not in place:
            continue
        for process in Path(place, "cgroup.procs").read_text().split():
            # PostgreSQL's own come and go.
            with suppress(ProcessLookupError):
                os.kill(int(process), 9)


def own(address: str) -> None:
    """Let this machine have one more address, as nodes see it, until the cluster is taken away."""
    _ip("addr", "replace", f"{address}/24", "dev", BRIDGE)


def stop(node: str) -> None:
    """Of a machine whose power fails: all processes, memory and network are gone, the disk stays."""
    own = run_folder() / node
    _end(int((own / "pid").read_text()))
    _cut(int(node.removeprefix("node")))
    shutil.rmtree(own / "containerd-state", ignore_errors=True)


def start_again(node: str) -> None:
    """After :func:`stop`; its kubelet finds on the disk what was there. Return when the node is ready."""
    listed = numbers()
    _start_node(run_folder(), int(node.removeprefix("node")), len(listed))
    until(lambda: _ready_nodes() == len(listed), f"{node} is ready again", 180)


def _start_node(run: Path, number: int, nodes: int) -> None:
    own = run / f"node{number}"
    for name in ("log", "kubelet", "cni"):
        (own / name).mkdir(parents=True, exist_ok=True)
    if number:
        for name, text in _configurations(run, own, number).items():
            (own / name).write_text(text)
        _make_cgroups(number)
    with (own / "log/node.log").open("w") as log:
        outer = subprocess.Popen(  # noqa: S603 - our own script
            [
                *("unshare", "--net", "--pid", "--fork", "--mount", "--uts", "--ipc", "--kill-child=KILL"),
                *("bash", str(_HERE / "node.sh"), str(number), str(nodes), str(run), str(folder())),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    inner = _child_in_own_network(outer.pid)
    (own / "pid").write_text(f"{inner}\n")
    _ip("link", "add", f"evc{number}", "type", "veth", "peer", "name", "eth0", "netns", str(inner))
    _ip("link", "set", f"evc{number}", "master", BRIDGE, "up")


def _child_in_own_network(outer: int) -> int:
    """The first process of the new namespaces, as this machine numbers it."""
    here = Path("/proc/self/ns/net").readlink()

    def child() -> int | None:
        found = Path(f"/proc/{outer}/task/{outer}/children").read_text().split()
        return int(found[0]) if found and Path(f"/proc/{found[0]}/ns/net").readlink() != here else None

    return until(child, "a node's first process starts", 20)


def _end(first: int) -> None:
    """Kill the first process of a node's namespaces: the kernel ends all others in them, and their mounts go."""
    try:
        command = Path(f"/proc/{first}/cmdline").read_bytes()
    except OSError:
        return
    if b"node.sh" not in command:
        return
    os.kill(first, 9)
    until(lambda: not Path(f"/proc/{first}").exists(), "a node's processes end", 60)


def _cut(number: int) -> None:
    """Take a node's way to the bridge away.

    The kernel keeps a network, and this with it, until the last connection that nobody answers any more has timed out:
    minutes after its processes.
    """
    interface = Path(f"/sys/class/net/evc{number}")
    if interface.exists():
        # It may go by itself in the same moment.
        subprocess.run(["ip", "link", "del", interface.name], check=False, capture_output=True)  # noqa: S603, S607
    until(lambda: not interface.exists(), f"node{number}'s network is gone", 60)


def _clear(run: Path) -> None:
    """A fresh cluster finds images, and nothing else of the one before."""
    for number in range(10):
        own = run / f"node{number}"
        for name in ("containerd-state", "kubelet", "kubelet-certs", "cni-ipam", "volumes"):
            shutil.rmtree(own / name, ignore_errors=True)
        (own / "pid").unlink(missing_ok=True)
    for name in ("etcd", "pki", "release", "token"):
        shutil.rmtree(run / name, ignore_errors=True)
    (run / "nodes").unlink(missing_ok=True)


def _hierarchies() -> Iterator[Path]:
    """Where cgroups are made: version 1 has a hierarchy for each controller, version 2 one for all; some have both."""
    if _unified():
        yield _CGROUPS
        return
    for path in _CGROUPS.iterdir():
        if path.is_dir() and not path.is_symlink():
            yield path


def _unified() -> bool:
    return (_CGROUPS / "cgroup.controllers").exists()


def _make_cgroups(number: int) -> None:
    for hierarchy in _hierarchies():
        for place in (hierarchy / CGROUP, hierarchy / CGROUP / f"node{number}"):
            place.mkdir(exist_ok=True)
            if hierarchy.name == "cpuset":
                # A new group of version 1 may run nowhere until it is told where.
                for name in ("cpuset.cpus", "cpuset.mems"):
                    (place / name).write_text((hierarchy / name).read_text())
        for name, share in _SHARES.items():
            if (hierarchy / CGROUP / name).exists():
                (hierarchy / CGROUP / name).write_text(share)


def _cgroups_removed() -> bool:
    left = False
    for hierarchy in _hierarchies():
        top = hierarchy / CGROUP
        if not top.is_dir():
            continue
        for place in sorted((path for path in top.rglob("*") if path.is_dir()), reverse=True):
            _remove_cgroup(place)
        _remove_cgroup(top)
        left |= top.exists()
    return not left


def _remove_cgroup(place: Path) -> None:
    try:
        place.rmdir()
    except OSError:
        return  # somebody is in it still


def _make_certificates(pki: Path, nodes: int) -> None:
    cluster = Authority("kubernetes-ca", pki)
    front = Authority("front-proxy-ca", pki)
    signing_pair(pki, "sa")
    names = ["kubernetes", *(f"kubernetes.default{end}" for end in ("", ".svc", ".svc.cluster.local")), "localhost"]
    cluster.issue("apiserver", "kube-apiserver", ends=[*names, "10.96.0.1", "127.0.0.1", API])
    cluster.issue("apiserver-kubelet", "kube-apiserver-kubelet-client", group="system:masters")
    front.issue("front-proxy-client", "front-proxy-client")
    users = {
        "admin": ("admin", "system:masters"),
        "controller-manager": ("system:kube-controller-manager", ""),
        "scheduler": ("system:kube-scheduler", ""),
        "proxy": ("system:kube-proxy", ""),
        # It reads pods, namespaces, nodes and policies, and writes nothing that we use.
        "router": ("kube-router", "system:masters"),
    }
    for number in range(1, nodes + 1):
        users[f"node{number}"] = (f"system:node:node{number}", "system:nodes")
        cluster.issue(f"node{number}-server", f"system:node:node{number}", ends=[f"node{number}", address(number)])
    for user, (name, group) in users.items():
        certificate, key = cluster.issue(user, name, group=group)
        _write_kubeconfig(pki / f"{user}.kubeconfig", cluster.certificate, certificate, key)


def _write_kubeconfig(path: Path, authority: Path, certificate: Path, key: Path) -> None:
    def packed(file: Path) -> str:
        return base64.b64encode(file.read_bytes()).decode()

    text = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "c",
                "cluster": {"server": f"https://{API}:{API_PORT}", "certificate-authority-data": packed(authority)},
            }
        ],
        "users": [
            {"name": "u", "user": {"client-certificate-data": packed(certificate), "client-key-data": packed(key)}}
        ],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(text))


def _configurations(run: Path, own: Path, number: int) -> dict[str, str]:
    """The files of a node's programs; JSON is YAML."""
    kubelet = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": "0.0.0.0",  # noqa: S104 - in a network of its own
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{run}/pki/kubernetes-ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": f"{run}/pki/node{number}-server.crt",
        "tlsPrivateKeyFile": f"{run}/pki/node{number}-server.key",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{CGROUP}/node{number}",
        # 1.35 refuses cgroups of version 1; until then a machine that has them is taken.
        "failCgroupV1": False,
        "failSwapOn": False,
        "containerRuntimeEndpoint": f"unix://{own}/containerd.sock",
        "clusterDNS": ["10.96.0.10"],
        "clusterDomain": "cluster.local",
        "resolvConf": f"{run}/resolv.conf",
        "podLogsDir": f"{own}/pod-logs",
        "volumePluginDir": f"{own}/volumeplugins",
        "enforceNodeAllocatable": ["pods"],
        "evictionHard": {
            "memory.available": "200Mi",
            **dict.fromkeys(("nodefs.available", "imagefs.available", "nodefs.inodesFree"), "1%"),
        },
        "imageGCHighThresholdPercent": 100,
        "nodeStatusUpdateFrequency": "4s",
    }
    proxy = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": f"{run}/pki/proxy.kubeconfig"},
        "mode": "nftables",
        "clusterCIDR": "10.244.0.0/16",
        "hostnameOverride": f"node{number}",
        # The kernel's limits are the machine's, not a node's.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }
    ranges = [[{"subnet": f"10.244.{number - 1}.0/24"}]]
    ipam = {"type": "host-local", "dataDir": f"{own}/cni-ipam", "ranges": ranges, "routes": [{"dst": "0.0.0.0/0"}]}
    network = {
        "cniVersion": "0.4.0",
        "name": "pods",
        "plugins": [{"type": "ptp", "ipMasq": False, "mtu": 1500, "ipam": ipam}],
    }
    return {
        "kubelet.yaml": json.dumps(kubelet),
        "kube-proxy.yaml": json.dumps(proxy),
        "cni/10-ptp.conflist": json.dumps(network),
        "containerd.toml": _CONTAINERD.format(own=own, plugins=_PLUGINS),
    }


_CONTAINERD: Final = """\
version = 2
root = "{own}/containerd"
state = "{own}/containerd-state"
disabled_plugins = [
  # For programs that are installed from images: makes a folder of the whole machine's, /opt/containerd.
  "io.containerd.internal.v1.opt",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.devmapper",
]
[grpc]
  address = "{own}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "evote.local/pause:1"
  disable_apparmor = true
  # Where root lacks CAP_SYS_RESOURCE a negative score would end runc.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{own}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
"""


def _ready_nodes() -> int:
    try:
        listed = kubectl("get", "nodes", "--no-headers", timeout_s=10)
    except (Refused, subprocess.TimeoutExpired):
        return 0
    return sum(line.split()[1] == "Ready" for line in listed.splitlines())


def _ctr(number: int, *words: str) -> str:
    own = run_folder() / f"node{number}"
    first = (own / "pid").read_text().strip()
    command = ["nsenter", "--target", first, "--mount", "--pid", "ctr", "--address", f"{own}/containerd.sock"]
    done = subprocess.run(  # noqa: S603 - our own node
        [*command, "--namespace", "k8s.io", *words], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise Missing(f"node{number}: ctr {' '.join(words)} failed: {done.stderr[-2000:]}")
    return done.stdout


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)  # noqa: S603, S607 - Debian's


def until(look: Callable[[], Found | None], what: str, within_s: float) -> Found:
    """What ``look`` finds, asked again until it finds something; raises :class:`Missing` when time is up."""
    begun = time.monotonic()
    while not (found := look()):
        waited_s = time.monotonic() - begun
        if waited_s > within_s:
            raise Missing(f"Waited {within_s:.0f} s in vain until {what}: {run_folder()}/node*/log says more.")
        # Each look is a program or more, of the same processors as what it waits for.
        time.sleep(min(max(0.1, waited_s / 20), 1))
    return found
