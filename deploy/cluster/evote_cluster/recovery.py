"""PostgreSQL by its operator is lost with its volumes, and made again from its archive: docs/runbooks/backup.md."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from . import cloudnativepg as cnpg
from . import nodes, release
from .programs import Missing
from .release import NAMESPACE

_IN_VALUES: Final = {cnpg.MAIN: "main", cnpg.FACES: "biometric"}
"""The chart's clusters, as its values call them."""
_NOT_REPLAYED: Final = ("auth.vault_", "ballot.reservations")
"""What no replay brings back: the vault, and who was first with a ciphertext until its ballot's record was read."""
_EACH_TABLE: Final = r"""
SELECT format('SELECT %L, count(*), md5(coalesce(string_agg(md5(t::text), '''' ORDER BY md5(t::text)), '''')) '
              'FROM %I.%I t', schemaname || '.' || tablename, schemaname, tablename)
  FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY schemaname, tablename
\gexec
"""
# Not of UTC: for that zone the operator writes a Z, which PostgreSQL takes for none when it starts.
_MOMENT: Final = "SELECT to_char(clock_timestamp() AT TIME ZONE 'Asia/Tokyo', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"+09:00\"')"
Contents = Mapping[str, tuple[int, str]]
"""By the table's name, with its schema: how many rows, and the sum of all that is in them."""


def note(name: str) -> tuple[Contents, str]:
    """What is in a cluster's database, and a moment at which it was so; in the archive when this returns."""

    def stands_still() -> tuple[Contents, str] | None:
        before = contents(cnpg.primary(name))
        moment = cnpg.sql(cnpg.primary(name), _MOMENT).strip()
        return (before, moment) if contents(cnpg.primary(name)) == before else None

    noted = nodes.until(stands_still, f"nothing is written to {name}", 120)
    cnpg.archive_now(name)
    return noted


def look_back(noted: Contents, moment: str) -> str:
    """At main's database as it was at that moment, in a cluster of its own beside the one that goes on."""
    with beside(cnpg.MAIN, moment) as pod:
        compare(noted, contents(pod), but=())
    return f"as of {moment}, {len(noted)} tables with {sum(rows for rows, _ in noted.values())} rows are as they were"


@contextmanager
def beside(name: str, moment: str | None = None) -> Iterator[str]:
    """The one instance of another cluster, which is made of the archive that a cluster writes, as of a moment."""
    other = f"{name}-look"
    nodes.apply(_beside(name, other, moment))
    cnpg.wait_healthy(other, within_s=600)
    yield cnpg.primary(other)
    nodes.kubectl("-n", NAMESPACE, "delete", cnpg.KIND, other, "--wait")


def lose(name: str) -> None:
    """A cluster, its volumes and what is in them."""
    volumes = [Path(one["spec"]["local"]["path"]) for one in _volumes(name)]
    nodes.kubectl("-n", NAMESPACE, "delete", cnpg.KIND, name, "--wait")
    # Asked, the primary would wait three minutes for its clients to go.
    words = ("delete", "pods", "-l", f"cnpg.io/cluster={name}", "--force", "--grace-period=0")
    nodes.kubectl("-n", NAMESPACE, *words)
    nodes.until(lambda: not cnpg.pods(name) and not _volumes(name), f"no instance of {name} is left", 180)
    for volume in volumes:
        for part in volume.iterdir():
            shutil.rmtree(part)


def put_back(chosen: Mapping[str, Any], names: Sequence[str]) -> None:
    """Clusters, from all that was archived, into the release that has these values; return when all is well again."""
    operated = chosen["postgresql"]["cloudnativepg"]
    recovery = {_IN_VALUES[name]: {"readFrom": name, "archiveTo": f"{name}-2"} for name in names}
    after = {**chosen, "postgresql": {**chosen["postgresql"], "cloudnativepg": {**operated, "recovery": recovery}}}
    # An upgrade begins with migrations, for which there has to be a database.
    release.put_in_place(after)
    for name in names:
        cnpg.wait_healthy(name, within_s=900)
    # It has certificates of a new authority, which replicas read when they start.
    for kind in ("deployment", "statefulset"):
        nodes.kubectl("-n", NAMESPACE, "rollout", "restart", kind)
    release.wait_ready()
    release.install(after, upgrade=True)
    for name in names:
        cnpg.wait_backed_up(name)


def evidence() -> set[str]:
    """Of releases, all that auth's vault has, by its SHA-256."""
    return set(cnpg.sql(cnpg.primary(), "SELECT evidence_sha256 FROM auth.vault_evidence").split())


def wait_caught_up(name: str, before: Contents) -> Sequence[str]:
    """Return when all tables that a replay makes are as they were before the loss; what auth's vault lost."""
    told: list[str] = []

    def caught_up() -> bool:
        try:
            told[:] = compare(*map(_without_places, (before, contents(cnpg.primary(name)))))
        except Missing as different:
            told[:] = [str(different)]
            return False
        return True

    try:
        nodes.until(caught_up, f"the services of {name} have read the log", 300)
    except Missing:
        raise Missing(told[0]) from None
    return told


def _without_places(noted: Contents) -> Contents:
    """All but where each reader of the log is, which goes on without a ballot: a replica that starts writes to it."""
    return {table: content for table, content in noted.items() if not table.endswith(".consumer_offsets")}


def contents(pod: str) -> Contents:
    """Of all tables of all services."""
    lines = [line.split("|") for line in cnpg.sql(pod, _EACH_TABLE).splitlines()]
    return {table: (int(rows), content) for table, rows, content in lines}


def compare(noted: Contents, found: Contents, *, but: Sequence[str] = _NOT_REPLAYED) -> Sequence[str]:
    """Raise :class:`Missing` when a table is another one than was noted; what there is to tell of the others.

    Args:
        but: what the tables' names begin with that may have lost rows.
    """
    told: list[str] = []
    wrong: list[str] = []
    for table in sorted({*noted, *found}):
        (before, as_noted), (after, as_found) = (one.get(table, (0, "none")) for one in (noted, found))
        if as_noted == as_found:
            continue
        text = f"{table} had {before} rows, and has {after}"
        (told if table.startswith(tuple(but)) and after < before else wrong).append(text)
    if wrong:
        raise Missing(f"the database is another one than it was: {'; '.join(wrong)}")
    return told


def _beside(name: str, other: str, moment: str | None) -> dict[str, Any]:
    """The chart's own cluster with one instance, which archives nowhere and gives nobody a role."""
    spec = cnpg.cluster(name)["spec"]
    archive = next(one["parameters"] for one in spec["plugins"])
    kept = ("imageName", "storage", "resources", "affinity", "enableSuperuserAccess")
    plugin = {"name": cnpg.PLUGIN, "parameters": archive}
    until = {"recoveryTarget": {"targetTime": moment}} if moment else {}
    return {
        "apiVersion": "postgresql.cnpg.io/v1",
        "kind": "Cluster",
        "metadata": {"name": other, "namespace": NAMESPACE},
        "spec": {
            **{key: spec[key] for key in kept if key in spec},
            "instances": 1,
            "bootstrap": {"recovery": {"source": "archive", **until}},
            "externalClusters": [{"name": "archive", "plugin": plugin}],
        },
    }


def _volumes(name: str) -> list[dict[str, Any]]:
    """Those that the instances of a cluster have."""
    claims = json.loads(nodes.kubectl("-n", NAMESPACE, "get", "pvc", "-l", f"cnpg.io/cluster={name}", "-o", "json"))
    bound = {one["spec"]["volumeName"] for one in claims["items"]}
    found: list[dict[str, Any]] = json.loads(nodes.kubectl("get", "pv", "-o", "json"))["items"]
    return [one for one in found if one["metadata"]["name"] in bound]
