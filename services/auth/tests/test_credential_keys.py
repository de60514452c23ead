"""The elections' credential keys in a PKCS #11 token: what is derived there, and how keys come, go and fail."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from typing import Any

import pkcs11
import pytest
from evote_auth import key_commands as commands
from evote_auth.domain.credentials import key_id, list_sha256
from evote_auth.domain.refusals import NoCredentialKey
from evote_auth.key_commands import KeyCommandRefused
from evote_auth.keys.room import KeyRoom
from evote_auth.keys.store import FileKeys, KeyStoreUnavailable
from evote_auth.keys.token import TokenDesk, TokenKeys, TokenSettings
from evote_auth.main import PROGRAM
from evote_auth.settings import AuthSettings
from evote_belenios.credentials import public_credential
from evote_belenios.groups import group_by_name
from evote_eventlog.events import CredentialsPublished, ElectionAbandoned, ElectionOpened, ResultCertified
from evote_jpki.authority import Person
from evote_local.nodes.ports import LOOPBACK, free_port
from evote_local.nodes.softhsm import SoftToken
from evote_local.testbed import eventually, running_app
from evote_platform.settings import Environment
from pydantic import SecretStr, ValidationError

HANAKO = Person("齋藤　花子", "茨城県つくば市研究学園１丁目１番地１", "1990-04-01", "2")
ICHIRO = Person("山本　一郎", "茨城県つくば市吾妻２丁目２番地２", "1985-12-31", "1")
GROUP = group_by_name("Ed25519")


@pytest.fixture
def token(soft_token: SoftToken) -> TokenSettings:
    return TokenSettings(soft_token.module, soft_token.label, soft_token.pin_file)


@pytest.fixture
def desk(token: TokenSettings) -> Iterator[TokenDesk]:
    with closing(TokenDesk(token)) as desk:
        yield desk


@pytest.fixture
def in_a_token(auth_settings: AuthSettings, token: TokenSettings) -> AuthSettings:
    return auth_settings.model_copy(
        update={
            "master_key_file": None,
            "credential_token_module": token.module,
            "credential_token_label": token.label,
            "credential_token_pin_file": token.pin_file,
        }
    )


@pytest.fixture
async def guarded(town: Any, in_a_token: AuthSettings) -> AsyncIterator[Any]:
    """The town, whose auth has its keys in a token; drafted and with a roll, and without a key."""
    app = PROGRAM.app(PROGRAM.start(in_a_token), town.clock)
    async with running_app(app) as town.client:
        town.app = app
        town.uuid = await town.draft()
        assert (await town.import_roll(town.roll_csv(HANAKO, ICHIRO))).status_code == 200
        yield town


@contextmanager
def lost(soft_token: SoftToken) -> Iterator[None]:
    """The token is gone, as when its machine or the network to it is."""
    tokens = soft_token.pin_file.parent / "tokens"
    away = tokens.with_name("away")
    tokens.rename(away)
    try:
        yield
    finally:
        away.rename(tokens)


@asynccontextmanager
async def connected(town: Any) -> AsyncIterator[Any]:
    async with town.app.state.service.pool.acquire() as connection:
        yield connection


async def make_key(town: Any, desk: TokenDesk) -> str:
    async with connected(town) as connection:
        await commands.create(desk, connection, town.uuid, lambda _: None)
    (made,) = desk.ids_of(town.uuid)
    return made


async def published(town: Any) -> list[str]:
    parts = {part.part: part.credentials for part in await town.events(CredentialsPublished)}
    return [credential for number in sorted(parts) for credential in parts[number]]


async def certify(town: Any) -> None:
    await town.close()
    await town.producer.publish(ResultCertified(election_uuid=town.uuid, archive_sha256="0" * 64))


def slug(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["type"].rsplit(":", 1)[-1]


async def test_a_credential_is_derived_in_the_token_and_the_list_again_and_again(guarded: Any, desk: TokenDesk) -> None:
    assert slug(await guarded.freeze()) == (503, "no-credential-key")
    await make_key(guarded, desk)
    first = await guarded.freeze()
    assert first.status_code == 200, first.text
    listed = await published(guarded)
    assert first.json()["credentials_sha256"] == list_sha256(listed)
    assert (await guarded.freeze()).json() == first.json()
    card = guarded.card(HANAKO)
    private = {await guarded.released(card) for _ in range(2)}
    assert len(private) == 1
    assert public_credential(private.pop(), guarded.uuid, GROUP) in listed


async def test_no_key_leaves_the_token_in_any_form(token: TokenSettings, desk: TokenDesk) -> None:
    desk.make("never-out")
    session = pkcs11.lib(str(token.module)).get_token(token_label=token.label).open()
    (key,) = session.get_objects({pkcs11.Attribute.LABEL: "tsukuba-evote credentials never-out"})
    with pytest.raises(pkcs11.exceptions.AttributeSensitive):
        key[pkcs11.Attribute.VALUE]
    assert (key[pkcs11.Attribute.ALWAYS_SENSITIVE], key[pkcs11.Attribute.NEVER_EXTRACTABLE]) == (True, True)
    assert key[pkcs11.Attribute.LOCAL], "it was made in the token"
    for also in (pkcs11.Attribute.DERIVE, pkcs11.Attribute.WRAP, pkcs11.Attribute.ENCRYPT):
        assert not key[also]
    session.close()


def test_each_election_has_a_key_of_its_own(token: TokenSettings, desk: TokenDesk) -> None:
    made = [desk.make(uuid) for uuid in ("one", "other")]
    with closing(TokenKeys(token)) as keys:
        assert [key_id(keys.key_of(uuid)) for uuid in ("one", "other")] == made
        assert len(set(made)) == 2
        with pytest.raises(NoCredentialKey):
            keys.key_of("none")
    in_file = FileKeys(b"k" * 32)
    assert len({key_id(in_file.key_of(uuid)) for uuid in ("one", "other")}) == 2


async def test_a_key_is_rotated_before_the_freeze_and_never_after_it(guarded: Any, desk: TokenDesk) -> None:
    first = await make_key(guarded, desk)
    keys = guarded.app.state.service.releasing.keys
    assert await keys.key_id(guarded.uuid) == first
    async with connected(guarded) as connection:
        await commands.rotate(desk, connection, guarded.uuid, lambda _: None)
        (second,) = desk.ids_of(guarded.uuid)
        assert second != first
        # The running replica had the first one in its hand.
        assert await keys.key_id(guarded.uuid) == second
        assert (await guarded.freeze()).status_code == 200
        for act in (commands.rotate, commands.create):
            with pytest.raises(KeyCommandRefused, match="is frozen"):
                await act(desk, connection, guarded.uuid, lambda _: None)
    assert desk.ids_of(guarded.uuid) == [second]


async def test_a_rotation_that_was_interrupted_derives_nothing_and_is_finished_by_repeating_it(
    guarded: Any, desk: TokenDesk
) -> None:
    await make_key(guarded, desk)
    desk.make(guarded.uuid)  # and the machine died
    assert slug(await guarded.freeze()) == (503, "no-credential-key")
    async with connected(guarded) as connection:
        with pytest.raises(KeyCommandRefused, match="has a key already"):
            await commands.create(desk, connection, guarded.uuid, lambda _: None)
        await commands.rotate(desk, connection, guarded.uuid, lambda _: None)
    assert len(desk.ids_of(guarded.uuid)) == 1
    assert (await guarded.freeze()).status_code == 200


async def test_the_key_of_an_abandoned_election_is_destroyed_and_of_one_that_was_opened_it_is_not(
    guarded: Any, desk: TokenDesk
) -> None:
    await make_key(guarded, desk)
    await guarded.producer.publish(ElectionAbandoned(election_uuid=guarded.uuid))
    given_up, guarded.uuid = guarded.uuid, await guarded.draft()
    await make_key(guarded, desk)
    opening = ElectionOpened(
        election_uuid=guarded.uuid,
        election_json="{}",
        trustees_json="[]",
        credentials_sha256="0" * 64,
        opens_at="2026-01-01T00:00:00.000Z",
        closes_at="2126-01-01T00:00:00.000Z",
    )
    # Behind the opening it doesn't stand.
    for event in (opening, ElectionAbandoned(election_uuid=guarded.uuid)):
        await guarded.producer.publish(event)
    with pytest.raises(KeyCommandRefused, match="still needed"):
        await commands.destroy(desk, guarded.kafka, guarded.uuid, lambda _: guarded.uuid, print)
    await commands.destroy(desk, guarded.kafka, given_up, lambda _: given_up, print)
    assert desk.ids_of(given_up) == [] and len(desk.ids_of(guarded.uuid)) == 1


async def test_a_destroyed_key_takes_every_credential_of_its_election_with_it(guarded: Any, desk: TokenDesk) -> None:
    made = await make_key(guarded, desk)
    assert (await guarded.freeze()).status_code == 200
    other = desk.make("other-election")
    shown: list[str] = []

    def answer(text: str) -> Callable[[str], str]:
        return lambda question: shown.append(question) or text

    with pytest.raises(KeyCommandRefused, match="no certified result"):
        await commands.destroy(desk, guarded.kafka, guarded.uuid, answer(guarded.uuid), shown.append)
    assert shown == [], "nothing is asked before it may be done"
    await certify(guarded)
    for typed in ("", "yes", guarded.uuid[:-1], guarded.uuid.swapcase()):
        with pytest.raises(KeyCommandRefused, match="nothing was destroyed"):
            await commands.destroy(desk, guarded.kafka, guarded.uuid, answer(typed), shown.append)
    assert desk.ids_of(guarded.uuid) == [made]
    keys = guarded.app.state.service.releasing.keys
    refs = await _voter_refs(guarded)
    before = await keys.private_credentials(GROUP, guarded.uuid, refs)
    await commands.destroy(desk, guarded.kafka, guarded.uuid, answer(f" {guarded.uuid} "), shown.append)
    assert "for ever" in shown[-2] and made in shown[-1]
    assert (desk.ids_of(guarded.uuid), desk.ids_of("other-election")) == ([], [other])
    with pytest.raises(NoCredentialKey):
        await keys.private_credentials(GROUP, guarded.uuid, refs)
    assert slug(await guarded.freeze()) == (503, "no-credential-key")
    async with connected(guarded) as connection:
        with pytest.raises(KeyCommandRefused, match="is frozen"):
            await commands.create(desk, connection, guarded.uuid, lambda _: None)
    # What a new key of that name makes, whoever puts it there, is not on the list.
    desk.make(guarded.uuid)
    after = await keys.private_credentials(GROUP, guarded.uuid, refs)
    assert not set(before) & set(after)
    assert slug(await guarded.freeze()) == (503, "master-key-changed")


async def _voter_refs(town: Any) -> list[str]:
    async with connected(town) as connection:
        rows = await connection.fetch("SELECT voter_ref FROM vault_voters WHERE election_uuid = $1", town.uuid)
    return [row["voter_ref"] for row in rows]


async def test_a_token_that_is_away_is_503_and_not_ready_and_taken_up_again_by_itself(
    guarded: Any, desk: TokenDesk, soft_token: SoftToken
) -> None:
    await make_key(guarded, desk)
    assert (await guarded.freeze()).status_code == 200
    card = guarded.card(HANAKO)
    body = guarded.sign(card, await guarded.challenge())
    with lost(soft_token):
        refused = await guarded.send(body)
        assert slug(refused) == (503, "credential-keys-unavailable")
        assert int(refused.headers["Retry-After"]) > 0
        not_ready = await guarded.client.get("/statusz")
        assert not_ready.status_code == 503 and "credential-keys" in not_ready.text

    async def ready() -> bool:
        return (await guarded.client.get("/statusz")).status_code == 200

    await eventually(ready)
    # Not even the challenge was used up.
    assert (await guarded.send(body)).status_code == 200


async def test_a_token_that_hangs_holds_nobody_up_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on = threading.Event()

    class Hanging(FileKeys):
        def key_of(self, election_uuid: str) -> Any:
            goes_on.wait(60)
            return super().key_of(election_uuid)

    monkeypatch.setattr("evote_auth.keys.room._PATIENCE_S", 0.2)
    room = KeyRoom(Hanging(b"k" * 32))
    for _ in range(2):
        with pytest.raises(KeyStoreUnavailable, match="no answer within"):
            await room.key_id("election")
    goes_on.set()

    async def answers() -> bool:
        try:
            return len(await room.key_id("election")) == 32
        except KeyStoreUnavailable:
            return False

    await eventually(answers)
    room.close()


_TRIES = """
import sys
from pathlib import Path
from evote_auth.keys.store import KeyStoreUnavailable
from evote_auth.keys.token import TokenKeys, TokenSettings

module, label, pin_file, right = sys.argv[1:]
keys = TokenKeys(TokenSettings(Path(module), label, Path(pin_file)))
for _ in range(21):
    try:
        keys.check()
        print("opened")
    except KeyStoreUnavailable as refusal:
        print(refusal)
Path(pin_file).write_text(right)
keys.key_of("pins")
"""


def test_a_wrong_pin_is_tried_once_and_not_until_the_token_locks(soft_token: SoftToken, desk: TokenDesk) -> None:
    """In a program of its own: where any session of a process is logged in, the token asks the others for no PIN."""
    desk.make("pins")
    pin_file = soft_token.pin_file.with_name("another-pin")
    pin_file.write_text("00000000x\n")
    given = (str(soft_token.module), soft_token.label, str(pin_file), soft_token.pin_file.read_text())
    done = subprocess.run([sys.executable, "-c", _TRIES, *given], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    first, *others = done.stdout.splitlines()
    assert "opened" not in first and "not tried again" not in first
    assert len(others) == 20 and all("not tried again until its file changes" in refusal for refusal in others)


def test_production_refuses_keys_in_a_file_and_every_deployment_keys_in_two_places(
    in_a_token: AuthSettings, auth_settings: AuthSettings
) -> None:
    good = in_a_token.model_dump()
    assert AuthSettings(**good | {"environment": Environment.PRODUCTION}).credential_token() is not None
    for wrong in (
        auth_settings.model_dump() | {"environment": Environment.PRODUCTION},
        good | {"master_key_file": auth_settings.master_key_file},
        good | {"credential_token_label": None},
        auth_settings.model_dump() | {"master_key_file": None},
    ):
        with pytest.raises(ValidationError, match="token"):
            AuthSettings(**wrong)


def test_who_makes_a_key_while_there_is_no_way_to_the_database_is_told_so_in_one_line(
    in_a_token: AuthSettings, desk: TokenDesk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = f"postgresql://evote_auth@{LOOPBACK}:{free_port()}/evote"
    unreached = in_a_token.model_copy(update={"database_url": SecretStr(nowhere)})
    monkeypatch.setattr(AuthSettings, "from_environment", lambda: unreached)
    assert PROGRAM.run(["keys", "create", "--election", "AnElection1234"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("evote-auth: the database can't be worked with, repeat this: ")
    assert desk.ids_of("AnElection1234") == []
