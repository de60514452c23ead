"""The stand-in of マイナアプリ's provider as a part of a stack, and auth's account there."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from joserfc.jwk import ECKey, RSAKey

from ..nodes.phone_provider import ALGORITHM
from ..nodes.ports import LOOPBACK, free_port, is_listening
from ..nodes.processes import ChildProcess

_CLIENT_ID = "tsukuba-evote-local"


class PhoneStandIn:
    """One provider with one client, in a process of its own; the cards in ``cards`` can be held to its phone."""

    def __init__(self, directory: Path, return_url: str) -> None:
        """``directory`` takes keys, cards and the log; ``return_url`` is where the app comes back to."""
        self.cards = directory / "cards"
        self.cards.mkdir(mode=0o700, parents=True)
        self._directory = directory
        self._return_url = return_url
        self._port = free_port()
        self._process: ChildProcess | None = None
        self._assertion_key = ECKey.generate_key("P-256", private=True)
        self._decryption_key = RSAKey.generate_key(2048, private=True)

    @property
    def url(self) -> str:
        """Where it answers, without a trailing slash."""
        return f"http://{LOOPBACK}:{self._port}"

    @property
    def settings(self) -> Mapping[str, str]:
        """What auth is told."""
        return {
            "EVOTE_PHONE_BASE_URL": self.url,
            "EVOTE_PHONE_ISSUER": f"{self.url}/realms/main",
            "EVOTE_PHONE_CLIENT_ID": _CLIENT_ID,
            "EVOTE_PHONE_ALGORITHM": ALGORITHM,
            "EVOTE_PHONE_CLIENT_KEY_FILE": str(self._written("client-key.pem", self._assertion_key)),
            "EVOTE_PHONE_DECRYPTION_KEY_FILE": str(self._written("decryption-key.pem", self._decryption_key)),
            "EVOTE_PHONE_REDIRECT_URI": self._return_url,
        }

    def start(self) -> None:
        """Start it, and wait until it answers."""
        client = self._directory / "client.json"
        registered = {
            "client_id": _CLIENT_ID,
            "redirect_uri": self._return_url,
            "assertion_key": self._assertion_key.as_dict(private=False),
            "encryption_key": self._decryption_key.as_dict(private=False),
        }
        client.write_text(json.dumps(registered))
        command = [sys.executable, "-m", "evote_local.nodes.phone_provider", "--port", str(self._port)]
        command += ["--client", str(client), "--cards", str(self.cards)]
        self._process = ChildProcess("phone-provider", command, log_path=self._directory / "log")
        self._process.wait_until(lambda: is_listening(self._port), timeout_s=60)

    def stop(self) -> None:
        """Stop it; safe to repeat."""
        if self._process is not None:
            self._process.stop()

    def _written(self, name: str, key: ECKey | RSAKey) -> Path:
        path = self._directory / name
        path.touch(mode=0o600)
        path.write_bytes(key.as_pem(private=True))
        return path
