"""Outside of the cluster: people, witnesses, a chain and a crowd, who know the platform's names and whom to trust."""

from __future__ import annotations

import ctypes
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from evote_eventlog.kafka import PRODUCTION, KafkaSettings, KafkaTls
from evote_jpki.authority import TestAuthority
from evote_local.nodes.kafka_grants import grant_the_manifest
from evote_local.stack.chains import EthereumDevelopmentChain
from evote_local.stack.identities import Identities, create_identities
from evote_local.stack.vouching import Vouching
from evote_platform.clock import utc_now

from . import nodes, servers
from .hsm import SharedToken
from .programs import Missing
from .release import HOSTS, People

# Of Linux' headers sched.h and mount.h.
_CLONE_NEWNS: Final = 0x00020000
_MS_BIND: Final = 4096
_MS_REC_PRIVATE: Final = 16384 | 1 << 18


def enter(folder: Path) -> None:
    """Give this process, and all that it starts, an ``/etc/hosts`` of their own; nobody else sees it."""
    hosts = folder / "hosts"
    hosts.write_text(Path("/etc/hosts").read_text())
    libc = ctypes.CDLL(None, use_errno=True)
    _must(libc.unshare(_CLONE_NEWNS), "unshare")
    _must(libc.mount(b"none", b"/", None, _MS_REC_PRIVATE, None), "a private tree of mounts")
    _must(libc.mount(os.fsencode(hosts), b"/etc/hosts", None, _MS_BIND, None), "hosts")


def learn(names: Mapping[str, str]) -> None:
    """Names and their addresses, from now on; after :func:`enter`."""
    lines = [f"{address} {name}\n" for name, address in names.items()]
    with Path("/etc/hosts").open("a") as hosts:
        hosts.writelines(lines)


def learn_the_citys_names() -> None:
    """All lead to the first node, which no test empties."""
    learn(dict.fromkeys(HOSTS.values(), nodes.address(1)))


async def grant(own: servers.Servers) -> None:
    """As Kafka's operator: topics, and what each service may do."""
    learn(servers.broker_addresses())
    certificate, key = own.authority.issue("operator", "operator")
    tls = KafkaTls(own.authority.certificate, certificate, key)
    settings = KafkaSettings(servers.BOOTSTRAP, tls=tls, copies=PRODUCTION)
    await grant_the_manifest(settings)


def people(folder: Path) -> People:
    """Keys, staff and cards' authority, made anew; witnesses and chain run from here on until they are stopped."""
    identities = create_identities(folder / "keys")
    chain = EthereumDevelopmentChain(folder / "anvil", nodes.OUTSIDE)
    vouching = Vouching(folder / "witnesses", identities.log_key, chain, nodes.OUTSIDE)
    (folder / "witnesses").mkdir(parents=True)
    vouching.start()
    # Production takes no cards of an authority that is marked as a test's.
    authority = TestAuthority(utc_now, secrets.token_bytes, mark="Cluster")
    return People(identities, authority, SharedToken(nodes.run_folder() / "token"), vouching, chain)


@dataclass(frozen=True)
class Reached:
    """A service, by its name behind the edge."""

    url: str


@dataclass(frozen=True)
class Deployment:
    """The platform on the cluster, as a referendum knows one."""

    people: People

    @property
    def auth(self) -> Reached:
        return _at("auth")

    @property
    def ballots(self) -> Sequence[Reached]:
        return [_at("ballot")]

    @property
    def ledger_anchor(self) -> Reached:
        return _at("log")

    @property
    def tally(self) -> Reached:
        return _at("tally")

    @property
    def biometric(self) -> Reached:
        """Where faces are verified, if they are."""
        return _at("biometric")

    @property
    def identities(self) -> Identities:
        return self.people.identities

    @property
    def authority(self) -> TestAuthority:
        return self.people.authority

    @property
    def vouching(self) -> Vouching:
        return self.people.vouching

    @property
    def phone(self) -> None:
        """Nobody comes by マイナアプリ."""

    @property
    def chain(self) -> EthereumDevelopmentChain:
        return self.people.chain


def _at(key: str) -> Reached:
    return Reached(f"https://{HOSTS[key]}")


def _must(status: int, what: str) -> None:
    if status != 0:
        raise Missing(f"{what}: {os.strerror(ctypes.get_errno())}")
