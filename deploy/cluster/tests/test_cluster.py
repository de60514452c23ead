"""What of the test cluster needs neither root nor its programs: its certificates, its refusals."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509
from evote_cluster import nodes, programs
from evote_cluster.certificates import Authority
from evote_cluster.programs import BUILDS, Missing


def test_an_authoritys_certificates_are_good_for_the_names_that_were_asked_for(tmp_path: Path) -> None:
    authority = Authority("test-ca", tmp_path)
    certificate, key = authority.issue("server", "server", ends=["a.example", "10.0.0.1"])
    read = x509.load_pem_x509_certificate(certificate.read_bytes())
    names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["a.example"]
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.1"]
    read.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.certificate.read_bytes()))
    assert key.stat().st_mode & 0o077 == 0


def test_who_is_not_root_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(Missing, match="root"):
        nodes.require_machine()


def test_programs_that_are_missing_are_named_by_debians_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda name, path=None: None)
    with pytest.raises(Missing, match=r"apt-get install .*containerd .*ipset .*runc"):
        nodes.require_machine()


def test_without_go_nothing_is_built_and_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(Missing, match=r"install Go 1\.26"):
        programs.build()


def test_every_program_is_pinned() -> None:
    for build in BUILDS:
        assert (build.sources / "go.mod").exists()
        assert build.module == "pause" or (build.sources / "go.sum").exists()
