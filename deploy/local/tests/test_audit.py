"""What ``make audit`` makes of what pip-audit and npm print. Refusals were recorded, the finds are as documented."""

from __future__ import annotations

import json

from evote_local.audit import (
    NOT_ANSWERED,
    NOTHING_KNOWN,
    SOMETHING_KNOWN,
    Audit,
    lines,
    lock_files,
    read_cargo_audit,
    read_cargo_deny,
    read_npm_audit,
    read_pip_audit,
    status,
)

# pip-audit 2.10.0 where PyPI's packages were in reach and its vulnerabilities weren't: it ended with status 0.
PIP_WITHOUT_SOURCE = (
    '{"dependencies": [{"name": "requests", "skip_reason": "Dependency not found on PyPI and could not be audited: '
    'requests (2.19.0)"}, {"name": "idna", "skip_reason": "Dependency not found on PyPI and could not be audited: '
    'idna (3.10)"}], "fixes": []}\n'
)
# npm 11 at a registry that serves packages only.
NPM_WITHOUT_SOURCE = json.dumps(
    {
        "message": "405 Method Not Allowed - POST https://registry.npmjs.org/-/npm/v1/security/advisories/bulk",
        "method": "POST",
        "uri": "https://registry.npmjs.org/-/npm/v1/security/advisories/bulk",
        "headers": {"allow": ["GET,HEAD"], "content-length": ["0"]},
        "statusCode": 405,
        "body": "",
        "error": {"summary": "", "detail": ""},
    }
)
PIP_CLEAN = {"name": "idna", "version": "3.10", "vulns": []}
PIP_VULNERABLE = {
    "name": "flask",
    "version": "0.5",
    "vulns": [
        {"id": "PYSEC-2019-179", "fix_versions": ["1.0"], "aliases": ["CVE-2019-1010083"], "description": "…"},
        {"id": "PYSEC-0000-1", "fix_versions": [], "aliases": [], "description": "…"},
    ],
}
NPM_VULNERABLE = {
    "auditReportVersion": 2,
    "vulnerabilities": {
        "ws": {
            "name": "ws",
            "severity": "high",
            "isDirect": False,
            "via": [],
            "effects": [],
            "range": "8.0.0 - 8.17.0",
            "nodes": ["node_modules/ws"],
            "fixAvailable": True,
        }
    },
    "metadata": {"vulnerabilities": {"high": 1, "total": 1}},
}


CRATE_VULNERABLE = {
    "advisory": {"id": "RUSTSEC-2024-0344", "package": "curve25519-dalek", "title": "Timing variability"},
    "versions": {"patched": [">=4.1.3"], "unaffected": []},
    "package": {"name": "curve25519-dalek", "version": "3.2.0"},
}


def cargo(crates: list[dict[str, object]], count: int = 30) -> Audit:
    found = {"found": bool(crates), "count": len(crates), "list": crates}
    report = {"lockfile": {"dependency-count": count}, "vulnerabilities": found, "warnings": {}}
    return read_cargo_audit("Cargo.lock", json.dumps(report), "")


def pip(*packages: dict[str, object]) -> Audit:
    return read_pip_audit("uv.lock", json.dumps({"dependencies": packages, "fixes": []}), "")


def npm(report: dict[str, object]) -> Audit:
    return read_npm_audit("package-lock.json", json.dumps(report), "")


def test_a_package_that_pip_audit_skipped_was_not_found_harmless() -> None:
    audit = read_pip_audit("uv.lock", PIP_WITHOUT_SOURCE, "No known vulnerabilities found\n")
    assert audit.known == ()
    assert len(audit.unanswered) == 2
    assert status([audit]) == NOT_ANSWERED
    assert list(lines(audit)) == [
        "uv.lock: 0 known, 2 not answered",
        "  not answered, as: Dependency not found on PyPI and could not be audited: requests (2.19.0)",
    ]


def test_a_registry_without_advisories_has_not_found_anything_harmless() -> None:
    audit = read_npm_audit("package-lock.json", NPM_WITHOUT_SOURCE, "npm error audit endpoint returned an error\n")
    assert audit.known == ()
    assert audit.unanswered[0].startswith("405 Method Not Allowed")
    assert status([audit]) == NOT_ANSWERED


def test_a_program_that_printed_no_report_says_why() -> None:
    for read in (read_pip_audit, read_npm_audit):
        assert read("a lock", "", "Traceback …\nConnectionError: no route\n").unanswered == (
            "ConnectionError: no route",
        )
        assert read("a lock", "{", "").unanswered == ("it said nothing",)
        assert status([read("a lock", "[]", "")]) == NOT_ANSWERED


def test_a_report_about_no_package_is_no_answer() -> None:
    assert status([pip()]) == NOT_ANSWERED


def test_what_is_known_is_named_with_what_mends_it_and_decides_the_status() -> None:
    found = pip(PIP_CLEAN, PIP_VULNERABLE)
    assert found.known == (
        "flask 0.5: PYSEC-2019-179, mended in 1.0",
        "flask 0.5: PYSEC-0000-1, not mended yet",
    )
    other = npm(NPM_VULNERABLE)
    assert other.known == ("ws 8.0.0 - 8.17.0: high",)
    assert status([found]) == status([pip(PIP_CLEAN), other]) == SOMETHING_KNOWN
    silent = read_npm_audit("package-lock.json", NPM_WITHOUT_SOURCE, "")
    assert status([found, silent]) == SOMETHING_KNOWN


def test_nothing_is_wrong_only_when_all_answered() -> None:
    clean = npm({"auditReportVersion": 2, "vulnerabilities": {}, "metadata": {}})
    assert status([pip(PIP_CLEAN), clean]) == NOTHING_KNOWN


def test_a_vulnerable_crate_is_named_and_a_database_out_of_reach_has_found_nothing_harmless() -> None:
    found = cargo([CRATE_VULNERABLE])
    assert found.known == ("curve25519-dalek 3.2.0: RUSTSEC-2024-0344, mended in >=4.1.3",)
    assert status([cargo([])]) == NOTHING_KNOWN
    assert status([found]) == SOMETHING_KNOWN
    silent = read_cargo_audit("Cargo.lock", "", "error: couldn't fetch advisory database\n")
    assert silent.unanswered == ("error: couldn't fetch advisory database",)
    assert status([silent]) == status([cargo([], count=0)]) == NOT_ANSWERED


def test_what_breaks_the_rules_for_crates_is_named_and_an_end_without_a_summary_is_no_answer() -> None:
    """As cargo-deny's documentation has it: a line of JSON for each thing said."""
    warned = {
        "type": "diagnostic",
        "fields": {"severity": "warning", "code": "license-not-encountered", "message": "…"},
    }
    rejected = {"type": "diagnostic", "fields": {"severity": "error", "code": "rejected", "message": "not allowed"}}
    summary = {"type": "summary", "fields": {"licenses": {"errors": 1, "warnings": 0}}}
    log = {"type": "log", "fields": {"level": "ERROR", "message": "failed to fetch advisory database"}}

    def said(*lines_: object) -> Audit:
        return read_cargo_deny("deny.toml", "".join(json.dumps(line) + "\n" for line in lines_))

    assert said(warned, rejected, summary).known == ("rejected: not allowed",)
    assert status([said(rejected, summary)]) == SOMETHING_KNOWN
    assert status([said(warned, summary)]) == NOTHING_KNOWN
    assert status([said(log)]) == status([said()]) == NOT_ANSWERED
    assert "failed to fetch" in said(log).unanswered[0]


CLUSTER = (
    "barman-cloud",
    "object-store",
    "cloudnative-pg",
    "coredns",
    "etcd",
    "kube-router",
    "kubernetes",
    "metrics-server",
    "prometheus-operator",
)
"""What `make cluster` is made of."""


def test_every_lock_file_is_one_that_is_asked_about() -> None:
    """The other locks are of Go programs that tests alone run, and of the Collector, whose image lists its modules."""
    assert lock_files("uv.lock")
    assert lock_files("package-lock.json")
    assert [path.parent.name for path in lock_files("Cargo.lock")] == ["belenios-core"]
    others = [path for name in ("go.sum", "yarn.lock", "pnpm-lock.yaml") for path in lock_files(name)]
    assert {path.parent.name for path in others} == {
        "collector",
        "cosign",
        "torchwood",
        "helm",
        "helm-unittest",
        "kubeconform",
        *CLUSTER,
        "schemas",
        "sloth",
    }
