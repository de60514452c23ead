"""The whole platform on one machine: Kafka, PostgreSQL, witnesses, a chain and the services, each its own process."""

from __future__ import annotations

import asyncio
import base64
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.topics import create_topics
from evote_jpki.authority import OCSP_PATH, TestAuthority

from ..nodes.kafka import KafkaNode
from ..nodes.otlp import OtlpReceiver
from ..nodes.ports import LOOPBACK, free_port, is_listening
from ..nodes.postgres import PostgresServer
from ..nodes.processes import ChildProcess, ProcessFailed, Running
from ..nodes.prometheus import Prometheus
from .chains import EthereumDevelopmentChain
from .databases import DATABASE, SchemaAccess, create_schemas
from .front import Front, FrontConfig, PublicConfig, WallConfig
from .identities import LOG_ORIGIN, Identities, create_identities
from .phone import PhoneStandIn
from .service import Service, define_service
from .vouching import Vouching

Announce = Callable[[str], None]

_SCHEMAS = {
    "evote_auth.main": "auth",
    "evote_biometric.main": "biometric",
    "evote_ballot.main": "ballot",
    "evote_ledger_anchor.main": "ledger",
    "evote_tally.main": "tally",
}
"""The schema of each service's program."""

_RULES = Path(__file__).parents[4] / "deploy/monitoring/rules"
_HELPDESK = "つくば市選挙管理委員会（模擬）\n電話 029-000-0000（平日 9 時から 17 時まで）"

WEIGHTS: Final = Path(".cache") / "weights"
"""Of the face models, where `make install` puts them."""

# The simulated voters all come from 127.0.0.1: as many requests a minute as the machine can answer.
_REQUESTS_PER_ADDRESS = "1000000"


class Stack(Running):
    """Starts everything in dependency order in one directory, and stops it in the opposite order."""

    def __init__(
        self, directory: Path, authority: TestAuthority, *, announce: Announce, weights: Path | None = None
    ) -> None:
        """``directory`` takes data, logs and keys; ``authority`` issues the certificates auth trusts.

        With ``weights``, the folder of the face models' weights, biometric runs too: seconds to start, and 1 GB.
        """
        self.directory = directory
        # PostgreSQL's own user must be able to walk down to its data folder.
        directory.chmod(0o755)
        (directory / "logs").mkdir(exist_ok=True)
        self.authority = authority
        self.weights = weights
        self.cards = True
        """Whether auth takes cards; not after :meth:`take_no_cards`."""
        self.phone: PhoneStandIn | None = None
        """Of マイナアプリ's provider; after :meth:`offer_phone`."""
        self.announce = announce
        self.identities: Identities = create_identities(directory / "keys")
        self.kafka = KafkaNode(directory / "kafka")
        self.postgres = PostgresServer(directory / "postgres")
        self.chain = EthereumDevelopmentChain(directory / "anvil")
        self.vouching = Vouching(directory / "witnesses", self.identities.log_key, self.chain)
        self.collectors: OtlpReceiver | None = None
        """Where the services' spans go, each service's by a way of its own; after :meth:`collect_traces`."""
        self.front = Front(directory / "front", "resident", self.identities.staff)
        """The residents' page; runs after :meth:`open_front`."""
        self.board = Front(directory / "board", "board", self.identities.staff)
        """The public pages; run after :meth:`open_board`."""
        self.wall = Front(directory / "city", "city", self.identities.staff)
        """The city's wall; runs after :meth:`open_wall`, with a Prometheus behind it."""
        self.prometheus: Prometheus | None = None
        self.services: list[Service] = []
        self._access: dict[str, SchemaAccess] = {}
        self._passwords: dict[str, str] = {}
        self._authority_port = free_port()
        self._authority_server: ChildProcess | None = None

    @property
    def kafka_settings(self) -> KafkaSettings:
        """How a client of the event log connects."""
        return KafkaSettings(bootstrap_servers=self.kafka.bootstrap_servers)

    @property
    def auth(self) -> Service:
        """The authentication service."""
        return self._named("auth")

    @property
    def biometric(self) -> Service:
        """The face service, in a stack with weights."""
        return self._named("biometric")

    @property
    def ballots(self) -> list[Service]:
        """The replicas of the ballot service."""
        return [service for service in self.services if service.name.startswith("ballot-")]

    @property
    def ledger_anchor(self) -> Service:
        """The public log."""
        return self._named("ledger-anchor")

    @property
    def tally(self) -> Service:
        """The tally service."""
        return self._named("tally")

    @property
    def database_url(self) -> str:
        """The database that all the services share here, each in its own schema, as its superuser."""
        return self.postgres.dsn(DATABASE)

    @property
    def ca_bundle_file(self) -> Path:
        """The authorities whose cards auth trusts, in PEM."""
        return self.directory / "keys" / "test-ca.pem"

    @property
    def authority_url(self) -> str:
        """Where the test authority answers, without a trailing slash."""
        return f"http://{LOOPBACK}:{self._authority_port}"

    def publish_lists(self) -> None:
        """Let auth and the responder see what the authority has revoked."""
        self.hand_over_lists(self.authority.crl_pem())

    def hand_over_lists(self, lists: bytes) -> None:
        """Put revocation lists (PEM) where auth and the responder read them, in the place of those that are there."""
        draft = self._lists_file.with_suffix(".new")
        draft.write_bytes(lists)
        draft.replace(self._lists_file)

    def stop_authority(self) -> None:
        """Let nobody answer at :attr:`authority_url`; safe to repeat."""
        if self._authority_server is not None:
            self._authority_server.stop()

    def start(self) -> None:
        """Start all parts and wait until each says that it is ready."""
        self.announce("PostgreSQL")
        self.postgres.start()
        self.create_schemas()
        self.announce("Apache Kafka")
        self.kafka.start()
        asyncio.run(create_topics(self.kafka_settings))
        self.announce("witnesses and Ethereum development chain")
        self.vouching.start()
        self.announce(f"test authority on {self.authority_url}")
        self.start_authority()
        if self.phone is not None:
            self.announce(f"stand-in of the phone's app on {self.phone.url}")
            self.phone.start()
        if self.collectors is not None:
            self.collectors.start()
        self.services = self._define_services()
        for module in dict.fromkeys(service.module for service in self.services):
            self.migrate(next(service for service in self.services if service.module == module))
        for service in self.services:
            service.start()
        for service in self.services:
            self.announce(f"{service.name} on {service.url}")
            service.wait_ready()

    def offer_phone(self) -> PhoneStandIn:
        """Before the start: let voters in by a stand-in of マイナアプリ, which comes back to the front."""
        self.phone = PhoneStandIn(self.directory / "phone", f"{self.front.origin}/")
        return self.phone

    def take_no_cards(self) -> None:
        """Before the start: auth knows no cards' authority, as at a school; voters come by voting code and face."""
        self.cards = False

    def collect_traces(self) -> OtlpReceiver:
        """Before the start: take the spans of all services, each by a way of its own."""
        self.collectors = OtlpReceiver()
        return self.collectors

    def open_front(self) -> None:
        """Build and serve the residents' page: some seconds, which a stack without browsers is spared."""
        self.announce(f"the residents' page on {self.front.origin}")
        keys = self.identities
        biometric = f"http://{LOOPBACK}:{free_port()}" if self.weights is None else self.biometric.url
        self.front.configure(
            FrontConfig(
                authority="つくば市選挙管理委員会（模擬）",
                helpdesk=_HELPDESK,
                services={
                    "auth": self.auth.url,
                    "ballot": self.ballots[0].url,
                    # Without the face service nobody asks there: the page offers no voting by face.
                    "biometric": biometric,
                    "log": self.ledger_anchor.url,
                    "tally": self.tally.url,
                },
                receipt_key=base64.b64encode(keys.receipt_key.public_bytes_raw()).decode(),
                log_key=keys.log_key.text,
                card=self.cards,
                code_key=None
                if self.weights is None
                else base64.b64encode(keys.voting_code_key.public_bytes_raw()).decode(),
                phone_app=None if self.phone is None else self.phone.url,
                check_page=self.board.origin,
            )
        )
        self.front.start()

    def open_board(self) -> None:
        """Build and serve the public pages."""
        self.announce(f"the public pages on {self.board.origin}")
        self.board.configure(
            PublicConfig(
                helpdesk=_HELPDESK,
                services={
                    "ballot": self.ballots[0].url,
                    "log": self.ledger_anchor.url,
                    "tally": self.tally.url,
                },
                receipt_key=base64.b64encode(self.identities.receipt_key.public_bytes_raw()).decode(),
                witness_policy=self.vouching.policy_file.read_text(),
            )
        )
        self.board.start()

    def open_wall(self, election_uuid: str) -> None:
        """Let a Prometheus read the services and the residents' page, which is opened for it, and judge the alerts, and
        serve the wall of an election that asks it."""
        self.open_front()
        self.announce(f"the city's wall on {self.wall.origin}")
        self.prometheus = Prometheus(
            self.directory / "prometheus",
            targets=[*(service.url.removeprefix("http://") for service in self.services), self.front.metrics],
            token=self.identities.staff.scraper_token,
            rules=sorted(_RULES.glob("*.yml")),
        )
        self.prometheus.start()
        offers = {"card": self.cards, "phone": self.phone is not None, "face": self.weights is not None}
        self.wall.configure(
            WallConfig(
                helpdesk=_HELPDESK,
                election=election_uuid,
                services={
                    "ballot": self.ballots[0].url,
                    "log": self.ledger_anchor.url,
                    "tally": self.tally.url,
                    "prometheus": self.prometheus.url,
                },
                officers=self.identities.staff.speakers(),
                ways=[way for way, offered in offers.items() if offered],
                previous=None,
            )
        )
        self.wall.start()

    def stop(self) -> None:
        """Stop all parts; safe to repeat, and after a start that failed half-way."""
        self.front.stop()
        self.board.stop()
        self.wall.stop()
        if self.prometheus is not None:
            self.prometheus.stop()
        for service in reversed(self.services):
            service.stop()
        self.stop_authority()
        if self.phone is not None:
            self.phone.stop()
        if self.collectors is not None:
            self.collectors.stop()
        self.vouching.stop()
        self.kafka.stop()
        self.postgres.stop()

    def _named(self, name: str) -> Service:
        return next(service for service in self.services if service.name == name)

    def create_schemas(self) -> None:
        """Make the database with every service's schema and roles; on a new server, those that services knew before."""
        self._access = create_schemas(self.postgres, tuple(_SCHEMAS.values()), self._passwords)

    def migrate(self, service: Service) -> None:
        """Bring the service's schema up to date, as its owner; raises ``ProcessFailed``."""
        done = subprocess.run(  # noqa: S603 - our own module
            [sys.executable, "-m", service.module, "migrate"],
            env={
                "PATH": service.environment["PATH"],
                "EVOTE_ENVIRONMENT": "test",
                "EVOTE_OWNER_DATABASE_URL": self._access[_SCHEMAS[service.module]].owner_url,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise ProcessFailed(service.name, "its database migration failed", done.stderr[-4000:])

    @property
    def _lists_file(self) -> Path:
        return self.directory / "keys" / "test-ca.crl"

    def start_authority(self) -> None:
        """Publish the authority's lists, and answer at :attr:`authority_url`."""
        self.publish_lists()
        command = [sys.executable, "-m", "evote_local.nodes.authority_server", "--port", str(self._authority_port)]
        command += ["--lists", str(self._lists_file)]
        for number, identity in enumerate(self.authority.responders()):
            file = self.directory / "keys" / f"test-responder-{number}.pem"
            file.touch(mode=0o600)
            file.write_bytes(identity.pem())
            command += ["--responder", str(file)]
        self._authority_server = ChildProcess(
            "test-authority", command, log_path=self.directory / "logs" / "test-authority.log"
        )
        self._authority_server.wait_until(lambda: is_listening(self._authority_port), timeout_s=60)

    def _define_services(self) -> list[Service]:
        keys = self.identities
        self.ca_bundle_file.write_bytes(self.authority.ca_bundle_pem())
        responder = f"{self.authority_url}/{OCSP_PATH}"
        authorities = {
            "EVOTE_CA_BUNDLE_FILE": str(self.ca_bundle_file),
            "EVOTE_CRL_FILE": str(self._lists_file),
            "EVOTE_OCSP_USER_AUTHENTICATION_URL": responder,
            "EVOTE_OCSP_DIGITAL_SIGNATURE_URL": responder,
        }
        ballot = {
            "EVOTE_RECEIPT_KEY_FILE": str(keys.receipt_key_file),
            "EVOTE_WORKERS": "1",
            "EVOTE_ADDRESS_REQUESTS_PER_MINUTE": _REQUESTS_PER_ADDRESS,
        }
        others = [
            self._service(
                "auth",
                "evote_auth.main",
                {
                    "EVOTE_MASTER_KEY_FILE": str(keys.master_key_file),
                    **(authorities if self.cards else {}),
                    "EVOTE_AUDITOR_PUBLIC_KEY": keys.auditor_public_key,
                    "EVOTE_FACE_ORDER_KEY_FILE": str(keys.face_order_key_file),
                    "EVOTE_BIOMETRIC_PUBLIC_KEY_FILE": str(keys.face_verdict_public_key_file),
                    "EVOTE_VOTING_CODE_KEY_FILE": str(keys.voting_code_key_file),
                    "EVOTE_ADDRESS_REQUESTS_PER_MINUTE": _REQUESTS_PER_ADDRESS,
                    **({} if self.phone is None else self.phone.settings),
                },
            ),
            *self._define_biometric(),
            self._service("ballot-1", "evote_ballot.main", ballot),
            self._service("ballot-2", "evote_ballot.main", ballot),
            self._service(
                "ledger-anchor",
                "evote_ledger_anchor.main",
                {
                    "EVOTE_LOG_KEY_FILE": str(keys.log_key_file),
                    "EVOTE_LOG_ORIGIN": LOG_ORIGIN,
                    **self.vouching.settings,
                },
            ),
        ]
        tally = self._service(
            "tally",
            "evote_tally.main",
            {
                "EVOTE_ADDRESS_REQUESTS_PER_MINUTE": _REQUESTS_PER_ADDRESS,
                "EVOTE_SERVICE_URLS": ",".join(f"{service.name}={service.url}" for service in others),
            },
        )
        return [*others, tally]

    def _define_biometric(self) -> list[Service]:
        if self.weights is None:
            return []
        keys = self.identities
        settings = {
            "EVOTE_MASTER_KEY_FILE": str(keys.template_master_key_file),
            "EVOTE_AUTH_PUBLIC_KEY_FILE": str(keys.face_order_public_key_file),
            "EVOTE_VERDICT_KEY_FILE": str(keys.face_verdict_key_file),
            "EVOTE_WEIGHTS_DIR": str(self.weights),
            "EVOTE_ADDRESS_REQUESTS_PER_MINUTE": _REQUESTS_PER_ADDRESS,
        }
        return [self._service("biometric", "evote_biometric.main", settings)]

    def _service(self, name: str, module: str, settings: Mapping[str, str]) -> Service:
        url = self._access[_SCHEMAS[module]].service_url
        own = {
            "EVOTE_ROSTER_FILE": str(self.identities.roster_file),
            "EVOTE_FRONT_ORIGINS": f"{self.front.origin},{self.board.origin}",
            **settings,
        }
        if self.collectors is not None:
            own["EVOTE_TRACES_ENDPOINT"] = self.collectors.endpoint(_SCHEMAS[module])
        return define_service(name, module, self.directory / "logs", self.kafka, url, own)


def temporary_directory() -> tempfile.TemporaryDirectory[str]:
    """A directory for one run, removed with everything in it when the run ends."""
    return tempfile.TemporaryDirectory(prefix="tsukuba-evote-", ignore_cleanup_errors=True)
