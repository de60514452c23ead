"""The trustees of a mock referendum: each with a key file and `evote trustee`'s own steps."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import ClassVar

from evote_belenios.channel import TrusteeSecret
from evote_cli.client import ServiceClient
from evote_cli.keyfile import RecordKeeper, create_key_file, read_key_file
from evote_cli.material import CEREMONY_STEPS, Message, parse_material
from evote_cli.trustee import partial_decryption, sign_step

from .officers import Invitation


class LocalTrustee:
    """One trustee: the key stays in a file of their own, and only messages reach tally."""

    STEPS: ClassVar[int] = len(CEREMONY_STEPS)

    def __init__(self, invitation: Invitation, *, election_uuid: str, tally_url: str, directory: Path) -> None:
        """Make the trustee's key in ``directory``."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._election_uuid = election_uuid
        self._tally_url = tally_url
        self._token = invitation.token
        self._key_file = directory / f"trustee-{invitation.trustee}.key"
        create_key_file(self._key_file, secrets.token_bytes)

    def next_step(self) -> None:
        """Do the next step of the key ceremony."""
        with self._client() as client:
            material = parse_material(client.get_text(f"/elections/{self._election_uuid}/ceremony"))
            self._submit(client, sign_step(self._key(), self._records(), material, secrets.token_bytes))

    def decrypt(self, archive: Path, *, processes: int) -> None:
        """Verify the whole archive, and only then send a partial decryption."""
        message = partial_decryption(
            self._key(),
            self._records(),
            archive,
            secrets.token_bytes,
            processes=processes,
            progress=lambda _done, _total: None,
        )
        with self._client() as client:
            self._submit(client, message)

    def _submit(self, client: ServiceClient, message: Message) -> None:
        client.put_text(message.path, message.content)

    def _client(self) -> ServiceClient:
        return ServiceClient(self._tally_url, self._token)

    def _key(self) -> TrusteeSecret:
        return read_key_file(self._key_file)

    def _records(self) -> RecordKeeper:
        return RecordKeeper(self._key_file)
