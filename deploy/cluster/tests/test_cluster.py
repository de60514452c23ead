"""What of the test cluster needs neither root nor its programs: its values, its certificates, its refusals."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import takewhile
from pathlib import Path
from threading import Thread
from typing import Any, cast

import jsonschema
import pytest
import yaml
from cryptography import x509
from evote_chart.settings import CHART
from evote_cluster import auditor, bundles, cloudnativepg, edge, erasure, faults, main, nodes, programs, release, wall
from evote_cluster.backups import SECRET, Store
from evote_cluster.bundles import Bundle
from evote_cluster.certificates import Authority
from evote_cluster.hsm import SharedToken
from evote_cluster.programs import BARMAN_CLOUD, BUILDS, GATEWAY_API, OF_CLOUDNATIVEPG, Missing
from evote_cluster.recovery import compare
from evote_cluster.release import Operated, People
from evote_cluster.story import around_the_loss
from evote_images.oci import pack_folders, write_image
from evote_images.parts import PARTS, ROOT
from evote_local.people.voters import Voter
from evote_local.referendum.referendum import Visit
from evote_local.stack.chains import EthereumDevelopmentChain
from evote_local.stack.identities import create_identities
from evote_local.stack.vouching import Vouching


class NamedToken:
    """What values say of a token; a real one takes root, since it is the pods' user's."""

    label = "evote-test"


class StoppedChain:
    """A chain that was there, as ``deploy-contract`` told of it."""

    class node:  # noqa: N801 - an attribute of the real one
        port = 8545

    settings = {  # noqa: RUF012
        "EVOTE_ETHEREUM_CHAIN_ID": "31337",
        "EVOTE_ETHEREUM_CONTRACT": "0x" + "1" * 40,
        "EVOTE_ETHEREUM_FIRST_BLOCK": "1",
    }


def merged(under: object, over: object) -> object:
    """As Helm lays values over a chart's own."""
    if isinstance(under, dict) and isinstance(over, dict):
        return {**under, **{key: merged(under.get(key), value) for key, value in over.items()}}
    return over


@pytest.mark.parametrize("faces", [False, True])
@pytest.mark.parametrize("operand", [None, Bundle(Path("none"), "evote.local/postgresql:15", f"sha256:{'b' * 64}")])
def test_the_clusters_values_are_ones_that_the_chart_takes(tmp_path: Path, operand: Bundle | None, faces: bool) -> None:
    operated = operand and Operated(operand, Store(Authority("servers-ca", tmp_path / "servers")))
    identities = create_identities(tmp_path / "keys")
    chain = cast(EthereumDevelopmentChain, StoppedChain())
    (tmp_path / "witnesses").mkdir()
    (tmp_path / "witnesses/policy").write_text("log\nquorum none\n")
    vouching = Vouching(tmp_path / "witnesses", identities.log_key, chain)
    people = People(identities, None, cast(SharedToken, NamedToken()), vouching, chain)  # type: ignore[arg-type]
    images = {
        part.value: Bundle(Path("none"), f"evote.local/{part.name}:1", f"sha256:{'a' * 64}") for part in PARTS.values()
    }
    if not faces:
        del images["biometric"]
    bare = release.values(images, people, cloudnativepg=operated)
    own = wall.hung(bare, images["wall"], "Wa11Wa11Wa11Wa", identities.staff, ["card"])
    profile = merged(yaml.safe_load((CHART / "values.yaml").read_text()), yaml.safe_load(release.PROFILE.read_text()))
    chosen = merged(profile, own)
    jsonschema.validate(chosen, json.loads((CHART / "values.schema.json").read_text()))
    assert isinstance(chosen, dict)
    # No guard is got round: it is what a city installs, and Kafka and PostgreSQL are spoken to by TLS.
    assert chosen["environment"] == "production"
    assert chosen["edge"] == {"kind": "gateway", "className": edge.CLASS, "annotations": {}}
    # The wall hangs behind a Gateway of its own, which the same Traefik serves.
    assert "wall" not in bare
    assert chosen["wall"]["edge"]["className"] == edge.INSIDE
    assert chosen["hosts"]["wall"]["name"] == release.HOSTS["wall"]
    # What a stranger may ask of it is a city's: the run counts it.
    assert "addressRequestsPerMinute" not in chosen["tally"]["settings"]
    assert chosen["kafka"]["brokers"] == 3
    assert "credentialTokenModule" in chosen["auth"]["settings"]
    assert chosen["kafka"]["external"]["authentication"] == "mtls"
    assert chosen["postgresql"]["external"]["main"]["plaintext"] is False
    assert chosen["biometric"]["enabled"] is faces
    if operand:
        assert chosen["postgresql"]["mode"] == "cloudnativepg"
        # As many as a city gets that doesn't say, each on a machine of its own.
        assert "instances" not in own["postgresql"]["cloudnativepg"]
        assert "spread" not in own
        backup = chosen["postgresql"]["cloudnativepg"]["backup"]
        assert backup["endpointUrl"].startswith("https://")
        assert backup["secret"] == backup["endpointCa"] == SECRET


def test_an_authoritys_certificates_are_good_for_the_names_that_were_asked_for(tmp_path: Path) -> None:
    authority = Authority("test-ca", tmp_path)
    certificate, key = authority.issue("server", "server", ends=["a.example", "10.0.0.1"])
    read = x509.load_pem_x509_certificate(certificate.read_bytes())
    names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["a.example"]
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.1"]
    read.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.certificate.read_bytes()))
    assert key.stat().st_mode & 0o077 == 0


def test_the_next_releases_image_is_this_ones_and_other_code(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    migrations = "app/lib/python3.11/site-packages/evote_ballot/migrations"
    (tmp_path / migrations).mkdir(parents=True)
    (tmp_path / migrations / "0001_first.sql").write_text("SELECT 1;\n")
    layer = pack_folders({"app": tmp_path / "app"}, tmp_path / "app.tar.gz")
    archive, name = tmp_path / "ballot.tar", "registry.example/evote/ballot:1"
    this = Bundle(archive, name, write_image(archive, name, [layer], PARTS["ballot"].start, {}))
    front = Bundle(tmp_path / "board.tar", "registry.example/evote/board:1", f"sha256:{'a' * 64}")

    following = bundles.next_release({"ballot": this, "board": front})

    assert following["board"] == front
    after = following["ballot"]
    assert after.digest != this.digest
    assert after.reference.startswith("registry.example/evote/ballot@sha256:")
    with tarfile.open(after.archive) as image:

        def blob(digest: str) -> bytes:
            member = image.extractfile(f"blobs/sha256/{digest.removeprefix('sha256:')}")
            assert member is not None
            return member.read()

        manifest = json.loads(blob(after.digest))
        first, second = (one["digest"] for one in manifest["layers"])
        config = json.loads(blob(manifest["config"]["digest"]))["config"]
        with tarfile.open(fileobj=io.BytesIO(blob(second))) as added:
            assert {"app/next/next_release.py", f"{migrations}/9999_next_release.sql"} < set(added.getnames())
    assert first == layer.digest
    assert config["Entrypoint"] == ["/app/bin/python", "-m", "next_release"]
    assert {"NEXT_RELEASE_OF=evote_ballot.main", "PYTHONPATH=/app/next"} < set(config["Env"])


def test_a_pod_is_killed_though_other_pods_go_meanwhile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pods = tmp_path / "evote-cluster/node1/kubepods"
    (pods / "burstable/podb0d1/4c01").mkdir(parents=True)
    (pods / "a/pod0000").mkdir(parents=True)
    (tmp_path / "cgroup.controllers").touch()
    scan = os.scandir

    def scan_late(place: str) -> Any:
        if Path(place).name == "pod0000":
            Path(place).rmdir()
        return scan(place)

    monkeypatch.setattr("os.scandir", scan_late)
    monkeypatch.setattr(nodes, "_CGROUPS", tmp_path)
    with subprocess.Popen(["sleep", "600"]) as process:
        (pods / "burstable/podb0d1/cgroup.procs").write_text("")
        (pods / "burstable/podb0d1/4c01/cgroup.procs").write_text(f"{process.pid}\n")
        try:
            nodes.kill_pod("node1", "b0d1")
            assert process.wait(60) == -9
        finally:
            process.kill()


def test_who_is_not_root_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(Missing, match="root"):
        nodes.require_machine()


def test_a_cache_that_nodes_would_cover_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda name, path=None: name)
    monkeypatch.setattr("pathlib.Path.exists", lambda path: True)
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/lib/builder/cache")
    with pytest.raises(Missing, match="XDG_CACHE_HOME"):
        nodes.require_machine()


def test_programs_that_are_missing_are_named_by_debians_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda name, path=None: None)
    with pytest.raises(Missing, match=r"apt-get install .*containerd .*ipset .*runc"):
        nodes.require_machine()


def test_a_machine_that_lacks_something_is_told_of_it_before_anything_is_built(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda name, path=None: None)
    monkeypatch.setattr("sys.argv", ["evote_cluster", "prepare"])
    assert main.main() == 2
    assert "apt-get install" in capsys.readouterr().err
    first, *_ = [line for line in _recipe("test-cluster") if not line.startswith("#")]
    assert "evote_cluster.main prepare" in first, "images take minutes"


def _recipe(target: str) -> list[str]:
    """The lines that make runs for it."""
    lines = (ROOT / "Makefile").read_text("utf-8").splitlines()
    begun = next(number for number, line in enumerate(lines) if line.startswith(f"{target}:"))
    return list(takewhile(lambda line: line.startswith("\t"), lines[begun + 1 :]))


def test_without_go_nothing_is_built_and_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(Missing, match=r"install Go 1\.26"):
        programs.build()


def test_the_operators_image_has_its_program_where_instances_get_it_from(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    programs.folder().mkdir(parents=True)
    (programs.folder() / "cnpg-manager").write_bytes(b"a program")
    (programs.folder() / "cnpg-manager").chmod(0o755)
    with tarfile.open(bundles.of_operator().archive) as image:
        blobs = [image.extractfile(name) for name in image.getnames() if name.startswith("blobs/sha256/")]
        packed = [blob.read() for blob in blobs if blob]
    (layer,) = (blob for blob in packed if blob.startswith(b"\x1f\x8b"))
    with tarfile.open(fileobj=io.BytesIO(layer)) as root:
        # The operator's release starts /manager, and the instances' init containers copy it from there.
        link, program = root.getmember("./manager"), root.getmember("./operator/manager_amd64")
    assert (link.issym(), link.linkname) == (True, "operator/manager_amd64")
    assert (program.isfile(), program.mode) == (True, 0o755)


def test_every_program_is_pinned() -> None:
    for build in (*BUILDS, *OF_CLOUDNATIVEPG, GATEWAY_API):
        assert (build.sources / "go.mod").exists()
        assert build.module == "pause" or (build.sources / "go.sum").exists()
    for listed in (BARMAN_CLOUD.sources / "requirements.txt", bundles.TRAEFIK):
        packages = [line for line in listed.read_text("utf-8").splitlines() if line and not line.startswith("#")]
        assert packages
        assert all(re.fullmatch(r"[a-z-]+==[0-9.]+ --hash=sha256:[0-9a-f]{64}", line) for line in packages)


def test_a_database_that_was_put_back_may_lack_rows_that_no_replay_makes_and_no_others() -> None:
    noted = {
        "auth.vault_evidence": (9, "a"),
        "ballot.reservations": (27, "r"),
        "ballot.ballots": (9, "b"),
        "auth.records": (2, "c"),
    }
    assert compare(noted, dict(noted)) == []
    lost = compare(noted, {**noted, "auth.vault_evidence": (7, "d")})
    assert lost == ["auth.vault_evidence had 9 rows, and has 7"]
    assert compare(noted, {**noted, "ballot.reservations": (24, "d")}) == [
        "ballot.reservations had 27 rows, and has 24"
    ]
    for table, found in {
        "ballot.ballots": (8, "d"),
        "auth.records": (2, "d"),
        # It can't have more than before, nor as many others.
        "auth.vault_evidence": (9, "d"),
        "tally.elections": (1, "d"),
    }.items():
        with pytest.raises(Missing, match=table):
            compare(noted, {**noted, table: found})
    with pytest.raises(Missing, match=r"ballot\.ballots had 9 rows, and has 0"):
        compare(noted, {table: found for table, found in noted.items() if table != "ballot.ballots"})
    with pytest.raises(Missing, match="vault_evidence"):
        compare(noted, {**noted, "auth.vault_evidence": (7, "d")}, but=())


def test_a_mixture_of_two_releases_is_no_release() -> None:
    this = {name: {"image": {"repository": "r", "digest": f"sha256:{name}"}} for name in ("auth", "ledgerAnchor")}
    this["biometric"] = {"enabled": False, "image": {"repository": "r", "digest": "sha256:none"}}

    def pod(service: str, image: str, phase: str = "Running") -> dict[str, Any]:
        labels = {"app.kubernetes.io/part-of": "evote", "app.kubernetes.io/name": service}
        return {
            "metadata": {"labels": labels},
            "spec": {"containers": [{"image": f"r@sha256:{image}"}]},
            "status": {"phase": phase},
        }

    migrated, leaving = pod("auth", "next", "Succeeded"), pod("auth", "before")
    leaving["metadata"]["deletionTimestamp"] = "2026-11-30T04:05:00Z"
    whole = [pod("auth", "auth"), pod("auth", "auth"), pod("ledger-anchor", "ledgerAnchor"), migrated, leaving]
    assert faults.other_images(faults.digests(whole), this) == []
    mixed = faults.digests([*whole, pod("auth", "next")])
    assert faults.other_images(mixed, this) == ["auth: ['sha256:auth', 'sha256:next']"]
    assert faults.other_images(faults.digests(whole[:2]), this) == ["ledger-anchor: []"]


def test_before_the_loss_and_after_it_come_some_who_need_auth() -> None:
    voters = [Voter(number, cast(Any, None)) for number in range(12)]
    # Whoever comes again means the same: such visits are equal.
    visits = [Visit(voter, "yes") for voter in [*voters, *voters[6:]]]
    before, later = around_the_loss(visits)
    assert len(before) + len(later) == len(visits)
    seen = {visit.voter.number for visit in before}
    for half in (later[::2], later[1::2]):
        news = [visit.voter.number not in seen for visit in half]
        assert sorted(news) == [False, False, True, True]
        seen |= {visit.voter.number for visit in half}
    assert seen == set(range(12))


RELEASES = """\
{"partition": 0, "offset": 4, "evidence_sha256": "aa", "sealed": null}
{"partition": 1, "offset": 9, "evidence_sha256": "bb", "sealed": "AA=="}
{"releases": 2}
"""
NO_EVIDENCE, UNRELEASED = "証拠のない資格情報の交付", "交付の証拠がない資格情報で投票されている"


def test_the_auditor_must_name_the_releases_whose_evidence_is_lost_and_nothing_else() -> None:
    assert auditor.places(RELEASES, {"aa", "cc"}) == ["0:4"]
    named = f"不一致が 2 件あります:\n  {NO_EVIDENCE}: 0:4\n  {UNRELEASED}: first\n"
    auditor.compare(named, ["0:4"], {"first", "second"})
    auditor.compare("", [], {"first"})
    for said, places, whose in (
        # It says that all is well, though something is lost.
        ("", ["0:4"], {"first"}),
        # What it names was not lost, or it doesn't name all.
        (named, [], {"first"}),
        (named, ["0:4", "1:9"], {"first"}),
        # Somebody else's credential, or nobody's.
        (named, ["0:4"], {"second"}),
        (f"不一致が 1 件あります:\n  {NO_EVIDENCE}: 0:4\n", ["0:4"], {"first"}),
        # Something that a loss doesn't explain.
        (f"{named}  {NO_EVIDENCE}: 3:3\n", ["0:4"], {"first"}),
    ):
        with pytest.raises(Missing, match="evote audit releases"):
            auditor.compare(said, places, whose)


def test_a_base_backup_is_made_older_in_what_barman_says_of_it_and_in_nothing_else() -> None:
    info = (
        "backup_label='START TIME: 2026-12-01 04:05:06 UTC'\nbackup_name=backup-20261201040506\n"
        "begin_time=2026-12-01 04:05:06.807986+00:00\nbegin_wal=00000003000000000000000F\n"
        "end_time=2026-12-01 04:05:09.860382+00:00\nend_wal=00000003000000000000000F\n"
    )
    aged = erasure.age(info, 3)
    assert aged == info.replace("_time=2026-12-01", "_time=2026-11-28")
    assert len(aged) == len(info)
    with pytest.raises(Missing, match="without its times"):
        erasure.age(info.replace("end_time", "end"), 3)


def test_of_an_archives_log_what_was_written_before_a_segment_is_found_by_its_name(tmp_path: Path) -> None:
    names = ["000000010000000000000003", "000000010000000000000004", "000000020000000000000004", "00000002.history"]
    for name in names:
        place = tmp_path / "wals" / name[:16] / f"{name}.gz"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"")
    assert erasure.older_segments(tmp_path, names[1]) == names[:1]
    assert erasure.older_segments(tmp_path, names[2]) == names[:2]
    assert erasure.older_segments(tmp_path, names[0]) == []


@pytest.mark.parametrize(
    ("last", "holds"),
    [
        ("00000002000000000000002A", True),
        ("00000002000000000000002B", True),
        ("000000020000000100000000", True),
        ("000000020000000000000029", False),
        # What was taken for it: a timeline that ended in it, a backup that began in it, another timeline's.
        ("00000002000000000000002A.partial", False),
        ("00000002000000000000002A.00000028.backup", False),
        ("00000003.history", False),
        ("00000001000000000000002B", False),
        ("00000003000000000000002A", False),
        ("", False),
    ],
)
def test_of_an_archive_a_segments_own_timeline_says_that_it_is_there(
    monkeypatch: pytest.MonkeyPatch, last: str, holds: bool
) -> None:
    """A database that was made of what is not there yet would end before its moment."""
    said = iter(["4711\n00000002000000000000002A\n", f"{last}\n", "00000002000000000000002A\n"])
    monkeypatch.setattr(cloudnativepg, "primary", lambda _name: "evote-pg-1")
    monkeypatch.setattr(cloudnativepg, "sql", lambda *_: next(said))
    monkeypatch.setattr(nodes.time, "sleep", lambda _s: None)
    cloudnativepg.archive_now()
    assert len(list(said)) == (1 if holds else 0)


def test_a_node_gets_what_it_lacks_and_loses_what_earlier_builds_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """By what containerd lists, here a stand-in: a kubelet under pressure may have collected what was loaded once."""
    had, fresh = (Bundle(Path(f"{name}.tar"), f"evote.local/{name}:1", f"sha256:{name}") for name in ("pause", "edge"))
    media, done = "application/vnd.oci.image.manifest.v1+json", list[tuple[str, ...]]()
    rows = [had.name, had.reference, "sha256:id-of-pause"]
    listed = [f"{name} {media} {had.digest} 1 KiB linux/amd64 -" for name in rows]
    listed += [f"{name} {media} sha256:before 1 KiB linux/amd64 -" for name in ("evote.local/edge:1", "sha256:id")]

    def ctr(number: int, *words: str) -> str:
        done.append(words[1:])
        return "\n".join(["REF TYPE DIGEST SIZE PLATFORMS LABELS", *listed])

    monkeypatch.setattr(nodes, "_ctr", ctr)
    monkeypatch.setattr(nodes, "numbers", lambda: [1])
    nodes.load([had, fresh])
    assert done == [
        ("ls",),
        ("rm", "evote.local/edge:1"),
        ("rm", "sha256:id"),
        ("import", "edge.tar"),
        ("tag", "--force", fresh.name, fresh.reference),
    ]


def condition(kind: str, status: str = "True", generation: int = 1) -> dict[str, Any]:
    return {"type": kind, "status": status, "observedGeneration": generation, "message": "as told"}


def taken_gateway() -> dict[str, Any]:
    conditions = [condition(kind) for kind in ("Accepted", "Programmed", "ResolvedRefs")]
    listener = {"name": "auth", "attachedRoutes": 1, "conditions": conditions}
    return {
        "kind": "Gateway",
        "metadata": {"name": "evote-edge", "generation": 1},
        "spec": {"listeners": [{"name": "auth"}]},
        "status": {"conditions": conditions, "listeners": [listener]},
    }


def taken_route() -> dict[str, Any]:
    parent = {"conditions": [condition(kind) for kind in ("Accepted", "ResolvedRefs")]}
    return {"kind": "HTTPRoute", "metadata": {"name": "evote-auth", "generation": 1}, "status": {"parents": [parent]}}


def test_what_a_controller_has_not_taken_as_it_stands_is_named() -> None:
    assert edge.untaken([taken_gateway(), taken_route()]) == []
    fresh, changed, bare, unresolved = taken_gateway(), taken_gateway(), taken_gateway(), taken_route()
    del fresh["status"]
    assert "listener auth of evote-edge: not Programmed" in edge.untaken([fresh])
    changed["metadata"]["generation"] = 2
    assert "Gateway evote-edge: not Accepted as told" in edge.untaken([changed])
    bare["status"]["listeners"][0]["attachedRoutes"] = 0
    assert edge.untaken([bare]) == ["listener auth of evote-edge has 0 routes"]
    unresolved["status"]["parents"][0]["conditions"][1] = condition("ResolvedRefs", "False")
    assert edge.untaken([unresolved]) == ["route evote-auth: not ResolvedRefs as told"]
    orphan = taken_route()
    orphan["status"] = {"parents": []}
    assert edge.untaken([orphan]) == ["route evote-auth: nobody serves it"]


@contextmanager
def limited(share_of: Callable[[BaseHTTPRequestHandler], str], share: int) -> Iterator[str]:
    """A server that answers 422, and 429 to whoever has used up its share; its address."""
    asked = Counter[str]()

    class Limited(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            who = share_of(self)
            asked[who] += 1
            self.send_response(429 if asked[who] > share else 422)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Limited) as server:
        Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


def test_addresses_are_told_apart_where_the_connections_own_counts_and_nowhere_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(edge, "PASSERS_BY", ("127.0.0.2", "127.0.0.3"))
    with limited(lambda request: request.client_address[0], 30) as url:
        told = list(edge.tell_apart(url))
    assert told[0] == "one address was limited after 30 requests, each of which claimed another one"
    # Whoever believes the client limits nobody.
    with (
        limited(lambda request: request.headers["X-Forwarded-For"], 30) as url,
        pytest.raises(Missing, match="not limited"),
    ):
        list(edge.tell_apart(url))
    # Whoever sees the proxy alone limits everybody.
    with limited(lambda _: "the proxy", 30) as url, pytest.raises(Missing, match="another address was answered 429"):
        list(edge.tell_apart(url))
