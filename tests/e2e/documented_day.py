"""A small election held by the documents alone: what officers, trustees and auditors type is taken from there."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from ssl import DER_cert_to_PEM_cert
from unittest.mock import patch

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from evote_ceremony.code import CeremonyCode, read_aloud_by
from evote_cli import trustee_commands
from evote_cli.dialogue import AtKeyboard
from evote_cli.errors import LogRefused, NothingToDo
from evote_cli.keyfile import read_key_file
from evote_cli.log_view import LogView, read_log
from evote_cli.message import STEP_NAMES
from evote_cli.trustee import ceremony_code
from evote_jpki.authority import CardKeys, Person, generate_card_keys
from evote_local.people.log_lookup import PublicLog
from evote_local.people.residents import make_residents, roll_csv
from evote_local.people.voters import SIGNATURE_PASSWORD, USER_PIN, PollingDay, Voter, VoterRefused, open_client
from evote_local.stack.stack import Stack
from evote_local.testbed import patiently
from rich.console import Console

from ..contract.documented import Command
from .documented_desk import DocumentedDesk
from .evote_command import Done, officer_settings

JA, EVOTE, WITNESS = "docs/runbooks/officers.ja.md", "clients/evote-cli/README.md", "clients/witness/README.md"
AUDIT, REVOCATION = "docs/runbooks/audit.md", "docs/runbooks/revocation.md"
NAME = "手引きどおりの住民投票"
VOTERS, SEED = 3, 5
YES = [[0, 1, 0]]
_TRUSTEES = ("鍵ファイル", "my.key")


async def hold_by_the_documents(stack: Stack, folder: Path) -> list[str]:
    """From the trustees' keys to the audit; returns the lines of the documents that nothing of it was."""
    town = DocumentedTown(stack, folder)
    town.trustees_make_keys()
    await town.officers_prepare()
    with _at_a_terminal():
        await town.trustees_hold_the_ceremony()
    await town.officers_open()
    async with open_client() as client:
        await town.voters_come(client)
        await town.auditor_follows(client)
    await town.officers_close()
    await town.trustees_decrypt()
    await town.officers_certify()
    await town.auditors_verify()
    town.operators_look()
    town.staff_tell_of_an_incident()
    return town.desk.never_run()


class DocumentedTown:
    """The people, and the desk with the documents."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.stack, self.folder = stack, folder
        self.residents = make_residents(VOTERS, Random(SEED))
        addresses = {
            "https://tally.example": stack.tally.url,
            "https://auth.example": stack.auth.url,
            "https://log.example": stack.ledger_anchor.url,
        }
        people = {"人数": str(VOTERS), "300": str(VOTERS), "名簿の番号": "000001", "環境の名前": "local", "N": "1"}
        self.desk = DocumentedDesk(
            folder,
            {**addresses, **people, "URL": stack.ledger_anchor.url, "自分の識別子": "sato"},
            {
                "EVOTE_AUTH_URL": stack.auth.url,
                "EVOTE_TALLY_URL": stack.tally.url,
                "EVOTE_LOG": stack.ledger_anchor.url,
                "EVOTE_OCSP_USER_AUTHENTICATION_URL": f"{stack.authority_url}/ocsp",
                "BELENIOS_USE_URANDOM": "1",
            },
        )
        self.uuid = ""
        self.steps: dict[str, str] = {}
        """Each trustee's last step, in the program's words."""
        self.sato, self.suzuki, self.tanaka, self.ito, self.kato = (
            officer_settings(stack, name) for name in ("sato", "suzuki", "tanaka", "ito", "kato")
        )
        copies = {
            "kato.key": stack.identities.officer_key_files["kato"],
            "seal.key": stack.identities.auditor_key_file,
            "roster.json": stack.identities.roster_file,
            "policy.txt": stack.vouching.policy_file,
            "ca.pem": stack.ca_bundle_file,
        }
        for name, original in copies.items():
            shutil.copy(original, folder / name)
        (folder / "log.key").write_text(stack.identities.log_key.text)

    def done(
        self,
        document: str,
        beginning: str,
        person: Mapping[str, str] | None = None,
        *,
        typed: str = "",
        instead: Mapping[str, str] | None = None,
    ) -> str:
        """Run the next such line, which must end well; returns what it said."""
        return self.done_well(self.desk.next(document, beginning), person, typed=typed, instead=instead)

    def done_well(
        self,
        command: Command,
        person: Mapping[str, str] | None = None,
        *,
        typed: str = "",
        instead: Mapping[str, str] | None = None,
    ) -> str:
        ended = self.desk.run(command, person or {}, typed=typed, instead=instead)
        assert ended.returncode == 0, f"{command.place}: {ended}"
        return ended.stdout + ended.stderr

    async def soon(
        self,
        document: str,
        beginning: str,
        person: Mapping[str, str] | None = None,
        *,
        typed: str = "",
        instead: Mapping[str, str] | None = None,
    ) -> None:
        """The same as soon as the services have caught up with each other."""
        command, ended = self.desk.next(document, beginning), Done(-1, "", "")

        async def ends_well() -> bool:
            nonlocal ended
            ended = self.desk.run(command, person or {}, typed=typed, instead=instead)
            return ended.returncode == 0

        try:
            await patiently(ends_well)
        except TimeoutError as error:
            raise AssertionError(f"{command.place}: {ended}") from error

    def together(
        self,
        document: str,
        beginning: str,
        first: Mapping[str, str],
        second: Mapping[str, str],
        *,
        typed: str = "",
        instead: Mapping[str, str] | None = None,
    ) -> str:
        """What two persons sign, in the three steps of the manual."""
        command = self.desk.next(document, beginning)
        name = command.words[command.words.index("--command") + 1]
        file = {"締切.command": (instead or {}).get(name, name)}
        self.done_well(command, first, typed=typed, instead=instead)
        self.done(JA, "evote command cosign", second, typed="y\n", instead=file)
        return self.done_well(command, first, typed=typed, instead=instead)

    def trustees_make_keys(self) -> None:
        self.done(JA, "evote trustee keygen")
        self.done(EVOTE, "evote trustee keygen")
        line = self.done(JA, "evote trustee public-key").strip().splitlines()[-1]
        words = re.findall(r"\d+ ([a-z]+)", self.done(JA, "evote trustee backup-key"))
        self.done(EVOTE, "evote trustee backup-key")
        on_paper = " ".join(words) + "\n"
        self.done(JA, "evote trustee check-backup", typed=on_paper)
        assert line in self.done(JA, "evote trustee restore-key", typed=on_paper)
        self.done(JA, "evote officer keygen", {"EVOTE_OFFICER_PASSWORD": "ひみつのことば"})

    async def officers_prepare(self) -> None:
        self.done(JA, "evote election template")
        self.draft_is_filled_in(self.folder / "起案.json")
        self.election_is_drafted("誤り.command")
        self.done(JA, "evote trustee keygen", instead={"鍵ファイル": "another.key"})
        line = self.done(JA, "evote trustee public-key", instead={"鍵ファイル": "another.key"}).split()[-1]
        renewed = {"立会人の番号": "2", "鍵の1行": line}
        self.together(JA, "evote election renew-trustee", self.sato, self.suzuki, typed=f"{NAME}\n", instead=renewed)
        self.together(JA, "evote election abandon", self.sato, self.suzuki, typed=f"{NAME}\n")
        self.election_is_drafted("起案.command")
        (self.folder / "roll.csv").write_text(roll_csv(self.residents), "utf-8")
        (self.folder / "名簿.csv").write_text(roll_csv(self.residents), "shift_jis")
        self.done(EVOTE, "evote roll check")
        self.done(JA, "evote roll check")
        await self.soon(EVOTE, "evote roll import", self.sato)
        self.done(JA, "evote roll import", self.sato)
        self.done(JA, "evote roll freeze", self.sato, typed=f"{NAME}\n")
        await self.soon(JA, "evote election freeze", self.sato, typed=f"{NAME}\n")

    def election_is_drafted(self, file: str) -> None:
        said = self.together(
            JA, "evote election draft", self.sato, self.suzuki, typed="y\n", instead={"起案.command": file}
        )
        found = re.search(r"起案しました: (\S+)", said)
        assert found is not None
        self.uuid = found[1]
        self.desk.values |= dict.fromkeys(("選挙ID", "ELECTION", "UUID"), self.uuid)

    def draft_is_filled_in(self, file: Path) -> None:
        draft = json.loads(file.read_text("utf-8"))
        now = datetime.now(UTC).replace(second=0, microsecond=0)
        draft |= {
            "name": NAME,
            # The group that Debian's belenios-tool verifies.
            "group": "BELENIOS-2048",
            "opens_at": (now - timedelta(minutes=1)).isoformat(),
            "closes_at": (now + timedelta(hours=12)).isoformat(),
            "threshold": 2,
        }
        lines = [
            self.done(JA, "evote trustee public-key", instead={"鍵ファイル": name}).split()[-1] for name in _TRUSTEES
        ]
        draft["trustees"] = [{"name": name, "key": line} for name, line in zip(("甲", "乙"), lines, strict=True)]
        file.write_text(json.dumps(draft, ensure_ascii=False), "utf-8")

    async def trustees_hold_the_ceremony(self) -> None:
        first, second = _TRUSTEES
        await self.next_step(EVOTE, first)  # the policy is asked for once
        await self.next_step(EVOTE, second)
        code = await self.code_on_the_phone()
        for number, name in enumerate(_TRUSTEES, 1):
            heard = _heard_by(number, code)
            await self.next_step(JA, name, typed=heard)
        for name in _TRUSTEES:
            await self.next_step(JA, name)
        await self.next_step(JA, second)
        await self.a_step_without_a_network(first)
        for name in _TRUSTEES:
            await self.next_step(JA, name, typed="y\n")

    async def next_step(self, document: str, name: str, *, typed: str = "") -> None:
        """A trustee's next step: the one before is done again as long as the log hasn't it."""
        command = self.desk.next(document, "evote trustee run")

        async def done() -> bool:
            keys = {"my.key": name, "鍵ファイル": name}
            return self._is_another_step(name, self.desk.run(command, {}, typed=typed, instead=keys))

        await patiently(done)

    def _is_another_step(self, name: str, ended: Done) -> bool:
        if ended.returncode != 0:
            return False
        step = max(STEP_NAMES.values(), key=lambda step: ended.stdout.rfind(f"{step}を"))
        before, self.steps[name] = self.steps.get(name), step
        return step != before

    async def a_step_without_a_network(self, name: str) -> None:
        """What is saved is new each time, until the others' messages are in it."""

        async def signed() -> bool:
            shutil.rmtree(self.folder / "ログ", ignore_errors=True)
            self.done(JA, "evote-verify --log")
            return self._is_another_step(name, self.desk.run(self.desk.next(JA, "evote trustee sign-step"), {}))

        await patiently(signed)
        self.done(JA, "evote trustee submit", instead={"復号.json": "送る.json"})

    async def code_on_the_phone(self) -> CeremonyCode:
        code: CeremonyCode | None = None

        async def known() -> bool:
            nonlocal code
            try:
                code = ceremony_code(read_key_file(self.folder / _TRUSTEES[0]), self.log(), self.uuid)
            except (NothingToDo, LogRefused):  # not logged yet
                return False
            return True

        await patiently(known)
        assert code is not None
        return code

    def log(self) -> LogView:
        return read_log(self.stack.ledger_anchor.url, self.stack.vouching.policy_file.read_text(), lambda *_: None)

    async def officers_open(self) -> None:
        await self.soon(JA, "evote election preflight", self.sato)
        self.done(JA, "evote election show")
        self.together(JA, "evote election open", self.sato, self.suzuki, typed=f"{NAME}\n")
        self.done(EVOTE, "evote command show", instead={"FILE": "開始.command"})
        self.together(JA, "evote face codes", self.sato, self.suzuki, typed=f"{NAME}\n")
        again = {"codes.csv": "again.csv", "codes.command": "again.command"}
        self.together(EVOTE, "evote face codes", self.sato, self.suzuki, typed=f"{NAME}\n", instead=again)
        self.done(JA, "evote face reissue", self.tanaka)
        self.together(JA, "evote face enrol", self.tanaka, self.ito)

    async def voters_come(self, client: httpx.AsyncClient) -> None:
        keys = generate_card_keys()
        own, married, stranger = (
            self.voter(number, name, keys) for number, name in enumerate((None, "小鳥遊 婚子", "見知らぬ 人"))
        )
        texts = await client.get(f"{self.stack.tally.url}/elections/{self.uuid}/election.json")
        with ThreadPoolExecutor(1) as executor:
            polls = PollingDay(
                election_json=texts.text,
                auth_url=self.stack.auth.url,
                ballot_urls=[service.url for service in self.stack.ballots],
                log=PublicLog(self.stack.ledger_anchor.url, self.stack.identities.log_key),
                executor=executor,
                random=Random(SEED),
            )
            self.done(JA, "evote officer block", self.tanaka)
            assert await _refused(polls, own, client) != ""
            self.done(JA, "evote officer unblock", self.tanaka)
            for voter, act, number in ((married, "approve", "000002"), (stranger, "refuse", "000003")):
                case = await _refused(polls, voter, client)
                assert case in self.done(JA, "evote officer cards", self.tanaka)
                self.done(JA, f"evote officer {act}", self.tanaka, instead={"受付番号": case, "名簿の番号": number})
            for voter in (own, married):
                await polls.obtain_credential(voter, client)
                cast = await polls.cast(voter, "はい", YES, client)
                await polls.wait_until_logged(cast, client)
        (self.folder / "receipt.json").write_text(json.dumps(own.casts[-1].receipt))

    def voter(self, number: int, name: str | None, keys: CardKeys) -> Voter:
        resident = self.residents[number]
        person = Person(resident.name, resident.address, resident.birth_date, resident.sex)
        bearer = person if name is None else replace(person, name=name)
        card = self.stack.authority.issue_card(bearer, keys, pin=USER_PIN, password=SIGNATURE_PASSWORD)
        (self.folder / "card.pem").write_bytes(DER_cert_to_PEM_cert(card.slots[0].certificate).encode())
        return Voter(number, card)

    async def auditor_follows(self, client: httpx.AsyncClient) -> None:
        (self.folder / "receipt.key").write_text((await client.get(f"{self.stack.ballots[0].url}/receipt-key")).text)
        password = {"EVOTE_OFFICER_PASSWORD": self.kato["EVOTE_OFFICER_PASSWORD"]}
        self.done(AUDIT, "evote election archive", password)
        self.done(AUDIT, "evote-verify noon.bel", password)

    async def officers_close(self) -> None:
        self.together(JA, "evote election close", self.sato, self.suzuki, typed=f"{NAME}\n")
        await self.state_becomes("tallied")

    async def state_becomes(self, state: str) -> None:
        async with open_client() as client:

            async def reached() -> bool:
                shown = await client.get(f"{self.stack.tally.url}/elections/{self.uuid}")
                return bool(shown.json()["state"] == state)

            await patiently(reached)

    async def trustees_decrypt(self) -> None:
        record = self.folder / f"鍵ファイル.{self.uuid}.json"
        record.unlink()
        self.done(JA, "evote trustee restore-record", typed="y\n")
        (self.folder / f"my.key.{self.uuid}.json").unlink()
        self.done(EVOTE, "evote trustee restore-record", typed="y\n")
        self.done(JA, "evote election archive", instead={"選挙.bel": "アーカイブ.bel"})
        await self.soon(JA, "evote trustee decrypt")
        self.done(JA, "evote trustee submit")
        await self.soon(EVOTE, "evote trustee decrypt", instead={"選挙.bel": "アーカイブ.bel"})
        self.done(EVOTE, "evote trustee submit")
        await self.state_becomes("decrypted")

    async def officers_certify(self) -> None:
        self.done(JA, "evote election archive")
        self.together(JA, "evote election certify", self.sato, self.suzuki, typed=f"{NAME}\n")
        self.done(JA, "evote election list")
        self.done(JA, "evote election commands")
        assert NAME in self.done(EVOTE, "evote election show")

    async def auditors_verify(self) -> None:
        password = {"EVOTE_OFFICER_PASSWORD": self.kato["EVOTE_OFFICER_PASSWORD"]}
        self.done(AUDIT, "curl")
        self.done(AUDIT, "evote-verify archive.bel")
        self.done(AUDIT, "mkdir")
        self.done(AUDIT, "belenios-tool election verify --dir")
        await self.soon(AUDIT, "evote-verify archive.bel --log")
        shutil.rmtree(self.folder / "audit")  # of the vote's middle
        for _ in range(2):
            self.done(AUDIT, "evote-verify archive.bel --log")
        (proof,) = (self.folder / "audit").glob("ballot-*.tlog-proof")
        self.done(AUDIT, "evote-verify --receipt", instead={"ballot-N.tlog-proof": str(proof)})
        self.done(EVOTE, "evote-verify --log", instead={"FOLDER": "public"})
        self.done(AUDIT, "evote audit keygen", instead={"seal.key": "new-seal.key"})
        self.done(AUDIT, "evote audit fetch-acts", password)
        self.done(AUDIT, "evote audit acts")
        self.done(AUDIT, "evote audit fetch", self.kato)
        assert "投票された資格情報: 2 件" in self.done(AUDIT, "evote audit releases")

    def operators_look(self) -> None:
        """What those who run services and witnesses type, as far as it does no harm here."""
        self.done(WITNESS, "evote-witness keygen")
        self.done(WITNESS, "evote-witness evidence")
        self.done("docs/officers.md", "openssl rand")
        one_list = x509.load_pem_x509_crl(self.stack.authority.crl_pem())
        (self.folder / "list.crl").write_bytes(one_list.public_bytes(Encoding.DER))
        for _ in range(3):
            self.done(REVOCATION, "openssl crl")
        self.done(REVOCATION, "openssl ocsp")

    def staff_tell_of_an_incident(self) -> None:
        """On the wall, and take it down again."""
        incidents = "docs/runbooks/incidents.ja.md"
        self.done(incidents, "evote wall say", self.sato, typed="y\n")
        self.done(incidents, "evote wall show")
        self.done(incidents, "evote wall over", self.suzuki, typed="y\n")


def _heard_by(trustee: int, code: CeremonyCode) -> str:
    """What a trustee types: the groups that the others read out, and that all agreed."""
    own = read_aloud_by(trustee, len(_TRUSTEES))
    return "".join(f"{group.text}\n" for at, group in enumerate(code.groups) if at not in own) + "y\n"


@contextmanager
def _at_a_terminal() -> Iterator[None]:
    """The program asks, as it does where there is a terminal."""
    person: Callable[[str | None, bool], AtKeyboard] = lambda _code, _yes: AtKeyboard(Console())  # noqa: E731
    with patch.object(trustee_commands, "_person", person):
        yield


async def _refused(polls: PollingDay, voter: Voter, client: httpx.AsyncClient) -> str:
    """The number at the reception, or what was wrong."""
    try:
        await polls.obtain_credential(voter, client)
    except VoterRefused as refused:
        return str(json.loads(refused.problem).get("reception_number", refused.slug))
    raise AssertionError("nobody refused the card")
