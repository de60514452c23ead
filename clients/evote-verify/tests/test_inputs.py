"""What can't be used gives 2, what can't be reached gives 3; neither is a verdict, and neither is a crash."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from evote_anchors.errors import ChainUnavailable, WrongContract
from evote_verify import inputs


class TestUnusable:
    def refused(self, answer, *words: str) -> None:
        assert answer.status == 2, answer.report
        assert answer.report == "" and "Traceback" not in answer.error
        for word in words:
            assert word in answer.error

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"\xff",
            b"[]",
            b"{}",
            b'{"election_uuid":"2","tracker":"x","position":{},"accepted_at":"","signature":""}',
            b'{"election_uuid":"2","tracker":"x","position":{"partition":0,"offset":1},"accepted_at":"",'
            b'"signature":"AA=="}',
        ],
    )
    def test_a_receipt_that_is_none(self, evote_verify, log, tmp_path, content: bytes) -> None:
        path = tmp_path / "receipt.json"
        path.write_bytes(content)
        self.refused(evote_verify("--log", log.url, "--receipt", path), "not a receipt")

    @pytest.mark.parametrize("key", ["", "AAAA", "{}", '{"algorithm":"RSA","public_key":"AA=="}', "ä" * 5000])
    def test_a_receipt_key_that_is_none(self, evote_verify, log, receipt_file, key: str) -> None:
        answer = evote_verify("--log", log.url, "--receipt", receipt_file(), "--receipt-key", key)
        self.refused(answer, "not a receipt key")

    @pytest.mark.parametrize("key", ["", "x", "name+00000000+AAAA", "\0", "k" * 5000])
    def test_a_log_key_that_is_none(self, evote_verify, log, key: str) -> None:
        self.refused(evote_verify("--log", log.url, "--log-key", key), "not a log's key")

    def test_a_policy_that_is_none_or_trusts_another_key(self, evote_verify, log, log_key, tmp_path) -> None:
        path = tmp_path / "policy"
        path.write_text("quorum w\n")
        self.refused(evote_verify("--log", log.url, "--witness-policy", path), "not a witness policy")
        path.write_text("quorum none\n")
        self.refused(evote_verify("--log", log.url, "--witness-policy", path), "trusts 0 logs")
        answer = evote_verify("--log", log.url, "--witness-policy", path, "--log-key", log_key.verifier.text)
        self.refused(answer, "does not trust the log key")

    @pytest.mark.parametrize("content", [b"", b"text\n", b"c2sp.org/tlog-proof@v1\nindex 0\n\nnote\n"])
    def test_a_proof_that_is_none(self, evote_verify, log_key, receipt_file, tmp_path, content: bytes) -> None:
        path = tmp_path / "proof"
        path.write_bytes(content)
        answer = evote_verify("--receipt", receipt_file(), "--proof", path, "--log-key", log_key.verifier.text)
        self.refused(answer, "not a proof")

    def test_a_folder_or_a_server_without_a_log(self, evote_verify, server, log_key, tmp_path) -> None:
        for place in (tmp_path, server.url):
            self.refused(evote_verify("--log", place), "is it a log?")
            self.refused(evote_verify("--log", place, "--log-key", log_key.verifier.text), "no checkpoint")

    def test_a_checkpoint_that_is_no_note(self, evote_verify, log) -> None:
        log.files["checkpoint"] = b"<html>"
        self.refused(evote_verify("--log", log.url), "not a checkpoint")

    def test_a_missing_file(self, evote_verify, log, tmp_path) -> None:
        missing = tmp_path / "missing"
        self.refused(evote_verify("--log", log.url, "--receipt", missing), "missing")
        self.refused(evote_verify(missing, "--log", log.url), "missing")

    def test_a_file_that_is_no_archive_is_refused_before_anything_is_asked(self, evote_verify, log, tmp_path) -> None:
        path = tmp_path / "file"
        path.write_bytes(b"%PDF")
        self.refused(evote_verify(path, "--log", log.url), "not an election archive")
        assert log.asked == []

    def test_a_contract_that_is_not_the_anchor_contract(self, evote_verify, log, make) -> None:
        chain = make.chain(trouble=WrongContract("there is no contract at 0x0"))
        self.refused(evote_verify("--log", log.url, chains=[chain]), "no contract")

    def test_a_connection_profile_that_is_none(self, evote_verify, log, tmp_path) -> None:
        path = tmp_path / "connection.json"
        self.refused(evote_verify("--log", log.url, "--fabric", path), "connection.json")
        path.write_text("{}")
        self.refused(evote_verify("--log", log.url, "--fabric", path), "connection.json", "is missing")

    def test_saved_evidence_of_a_chain_that_is_none(self, evote_verify, log, tmp_path) -> None:
        folder = tmp_path / "saved"
        assert evote_verify("--log", log.url, "--save", folder).status == 0
        (folder / "chains").mkdir()
        for content in ("", "[]", '{"chain":"dogecoin"}'):
            (folder / "chains" / "ethereum.json").write_text(content)
            self.refused(evote_verify("--log", folder), "ethereum.json")


class TestUnfinished:
    def test_a_server_out_of_reach(self, evote_verify, archive, log_key) -> None:
        answer = evote_verify(archive, "--log", "http://127.0.0.1:9", "--log-key", log_key.verifier.text)
        assert answer.status == 3
        assert answer.tie("records - checkpoint").startswith("unfinished")
        assert answer.tie("archive").startswith("holds"), "what needs no network is verified all the same"
        assert answer.tie("archive - log").startswith("not checked")
        assert answer.report.splitlines()[-1].startswith("UNFINISHED")

    def test_a_server_that_does_not_say_its_key(self, evote_verify) -> None:
        assert evote_verify("--log", "http://127.0.0.1:9").status == 3

    @pytest.mark.parametrize("status", [500, 503, 429, 403])
    def test_a_server_that_answers_with_an_error(self, evote_verify, log, held, status: int) -> None:
        log.status[f"tile/entries/000.p/{len(held.records)}"] = status
        answer = evote_verify("--log", log.url)
        assert answer.status == 3 and str(status) in answer.tie("records - checkpoint")

    def test_a_chain_out_of_reach_leaves_the_rest_verified(self, evote_verify, log, archive, make) -> None:
        answer = evote_verify(
            archive, "--log", log.url, chains=[make.chain(trouble=ChainUnavailable("no endpoint answered"))]
        )
        assert answer.status == 3
        assert answer.tie("checkpoint - ethereum").startswith("unfinished")
        assert answer.tie("archive - log").startswith("holds")

    def test_what_fails_counts_more_than_what_is_unfinished(self, evote_verify, log, held, make, tmp_path) -> None:
        forged = held.write_archive(tmp_path / "forged.bel", held.ballots[:-1])
        assert (
            evote_verify(
                forged, "--log", log.url, chains=[make.chain(trouble=ChainUnavailable("no endpoint answered"))]
            ).status
            == 1
        )


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--receipt", "r.json"],
        ["--save", "folder"],
        ["a.bel", "--save", "folder"],
        ["--proof", "p"],
        ["--proof", "p", "--receipt", "r.json", "--log", "folder"],
        ["a.bel", "--witness-policy", "p"],
        ["a.bel", "--receipt-key", "k"],
        ["a.bel", "--processes", "0"],
        ["--log", "l", "--ethereum", "http://127.0.0.1:9"],
        ["--log", "l", "--contract", "eip155:1:0x5FbDB2315678afecb367f032d93F642f64180aa3"],
        ["--log", "l", "--ethereum", "http://127.0.0.1:9", "--contract", "0x5FbDB2315678afecb367f032d93F642f64180aa3"],
        ["a.bel", "--fabric", "connection.json"],
        ["--log", "l", "--finality-depth", "-1"],
    ],
)
def test_options_that_make_no_sense_together_give_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    parser = inputs.parser()
    with pytest.raises(SystemExit) as ended:
        inputs.check_combination(parser.parse_args(arguments), parser)
    assert ended.value.code == 2
    assert "usage: evote-verify" in capsys.readouterr().err


def test_no_more_processes_are_started_than_the_program_may_use() -> None:
    """Of a machine's processors, ``taskset`` and containers leave it some: here the first alone."""
    shown = "from evote_verify.inputs import parser; print(parser().parse_args(['a.bel']).processes)"
    one = f"import os; os.sched_setaffinity(0, {{min(os.sched_getaffinity(0))}}); {shown}"
    done = subprocess.run([sys.executable, "-c", one], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


def test_a_key_may_be_a_file(evote_verify, log, log_key, tmp_path: Path) -> None:
    path = tmp_path / "log.key"
    path.write_text(f"{log_key.verifier.text}\n")
    answer = evote_verify("--log", log.url, "--log-key", path)
    assert answer.status == 0 and "the key was given" in answer.report
