"""A referendum on the chart's release: people come through the edge from outside, while parts are lost and replaced."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx
from evote_local.people.face import Poses
from evote_local.people.target import Letters, Target, write_target
from evote_local.people.voters import Voter, open_client
from evote_local.referendum.concluding import compare, counted, read_posted
from evote_local.referendum.devices import device_pool
from evote_local.referendum.load import target_of
from evote_local.referendum.referendum import Referendum, Visit
from evote_local.referendum.verification import verify_from_public_data

from . import (
    auditor,
    basics,
    bundles,
    desk,
    discovery,
    edge,
    erasure,
    hsm,
    nodes,
    probes,
    programs,
    recovery,
    release,
    wall,
    watching,
)
from . import cloudnativepg as cnpg
from .backups import Store
from .certificates import Authority
from .desk import Deployment
from .faults import Fault, all_faults, timed
from .programs import Missing
from .servers import Servers

_SEED = 44
_POSES = Path(__file__).parents[3] / ".cache/poses"
_CROWD_S = 30
_AFTER_THE_LOSS = 8
"""Who come when the database was lost and put back, and just before: of each half two for the first time."""
_LOGGED_WITHIN_S = 120
_TRUSTEES = f"https://{release.HOSTS['tally']}/elections/none/trustees/1/confirmation"
"""What is asked here a stranger's share is counted for, and is nothing to anybody."""
_BETWEEN_VOTERS_S = 2
"""People come all the while that something happens, and not all in its first seconds."""


def say(text: str) -> None:
    """One line, with the time since this program began, and since the line before."""
    global _said
    now = time.monotonic()
    print(f"[{now - _BEGUN:5.0f} s, {now - _said:+4.0f}] {text}", flush=True)
    _said = now


_BEGUN = _said = time.monotonic()


def hold(folder: Path, names: Authority, *, voters: int, by_face: int, cloudnativepg: bool) -> None:
    """Everything, on a cluster that is taken away afterwards; :class:`Missing` at what is wrong.

    Args:
        by_face: how many of the crowd come by voting code and face; with one, biometric runs.
        cloudnativepg: three nodes, on which PostgreSQL is the chart's own, and is lost, in the end as a whole.
            Otherwise two, on which it is a server of the city's own; there replicas, a node and releases change.
    """
    nodes.require_machine()
    programs.build([*programs.BUILDS, programs.PROMETHEUS_OPERATOR])
    images, services = {**bundles.of_cluster(), **bundles.of_watching()}, dict(bundles.of_services())
    if not by_face:
        services.pop("biometric", None)
    poses = Poses.read(_POSES) if by_face else None
    databases = [cnpg.MAIN, *([cnpg.FACES] if by_face else [])]
    if cloudnativepg:
        programs.build(programs.OF_CLOUDNATIVEPG)
        images |= {"cloudnative-pg": bundles.of_operator(), **bundles.of_backups()}
    with cluster(3 if cloudnativepg else 2), discovery.serve(release.NAMESPACE) as pods_at:
        nodes.load([*images.values(), *services.values()])
        say("the images are on all nodes")
        basics.install(images)
        desk.enter(folder)
        desk.learn_the_citys_names()
        own = Servers(folder / "servers")
        operated = release.Operated(images["postgresql"], Store(own.authority)) if cloudnativepg else None

        def serve() -> Iterator[str]:
            own.start(images, [] if cloudnativepg else ["postgresql", "faces"] if by_face else ["postgresql"])
            asyncio.run(desk.grant(own))
            yield "Kafka has TLS, topics and grants"
            if operated:
                operated.store.start(images)
                yield "a store of objects runs"

        def operate() -> Iterator[str]:
            edge.install(images["edge"])
            watching.install(images)
            yield "Traefik runs, and Prometheus' operator"
            if operated:
                cnpg.install(images, folder / "plugin")
                yield "CloudNativePG's operator and its plugin for backups run"

        with ThreadPoolExecutor() as threads:
            come = threads.submit(desk.people, folder)
            for line in probes.side_by_side(serve, operate):
                say(line)
            people = come.result()
        try:
            this = release.values(services, people, cloudnativepg=operated)
            release.prepare(own, people, names, cloudnativepg=operated)
            served = {key: name for key, name in release.HOSTS.items() if key != "biometric" or by_face}
            hosts = {key: name for key, name in served.items() if key != "wall"}
            release.install({**this, "edge": {**this["edge"], "kind": "ingress"}})
            say("the chart is installed, all pods are ready")
            say(f"by its Ingresses Traefik serves {edge.wait_served(hosts)}")
            release.put_in_place(this)
            say(edge.wait_taken(release.NAMESPACE))
            say(f"by its Gateway Traefik serves {edge.wait_served(hosts)}")
            if cloudnativepg:
                for name in databases:
                    cnpg.wait_backed_up(name)
                    say(f"the archive of {name} has a base backup")
            say(edge.pass_trackers(release.HOSTS["ballot"]))
            print(nodes.kubectl("-n", release.NAMESPACE, "get", "pods", "-o", "wide"), flush=True)
            watch = watching.start(images, pods_at)
            outside = f"{nodes.OUTSIDE}:{people.chain.node.port}"

            # The chart's tests, and what each place reaches and must not.
            arrows: list[Callable[[], Iterable[str]]] = [
                *(release.helm_test, probes.probe_ballot, partial(probes.probe_edge, services["ballot"])),
                watching.probe,
            ]
            if operated:
                archive = operated.store.address()
                arrows += [partial(cnpg.probe, name, archive, outside) for name in databases]
            looked = partial(watch.look, databases if cloudnativepg else [])
            for line in probes.side_by_side(*arrows, _fronts, partial(edge.tell_apart, _TRUSTEES), looked):
                say(line)
            explained = [watching.drilled(databases if cloudnativepg else [])]
            staff, ways = people.identities.staff, ["card", "face"] if by_face else ["card"]

            def begin(election: str) -> tuple[Sequence[Fault], Loss | None]:
                """Lose what is watched, and hang the wall, which hangs through all that happens from then on."""
                # Rules were judged meanwhile, and will be: the ceremony and the cards are nothing that pages anybody.
                say(watch.calm())
                with ThreadPoolExecutor() as threads:
                    # An alert is waited for, for a minute and more.
                    made = None if cloudnativepg else threads.submit(_bring_the_next, images, services)
                    for line in watch.drill(databases if cloudnativepg else []):
                        say(line)
                    following = made.result() if made else {}
                shown = wall.hung(this, services["wall"], election, staff, ways)
                release.put_in_place(shown)
                release.wait_ready()
                say(edge.wait_taken(release.NAMESPACE))
                say(f"the wall hangs: Traefik serves {edge.wait_served({'wall': release.HOSTS['wall']})}")
                loss = None
                if cloudnativepg:
                    faults, loss = cnpg.faults(databases), Loss(shown, databases)
                    explained.append(loss.fires)
                else:
                    after = wall.hung(release.values(following, people), services["wall"], election, staff, ways)
                    faults = all_faults(own, shown, after, staff.scraper_token, watch.wait_leads)
                explained.extend(fault.fires for fault in faults)
                return faults, loss

            def end(turnout: wall.Turnout) -> None:
                # The wall is hung since it was looked last.
                read = partial(watch.read, databases if cloudnativepg else [])
                for line in probes.side_by_side(partial(wall.look, watch, turnout, len(ways)), wall.probe, read):
                    say(line)

            # Of the voters a third come as a crowd, when all else has happened.
            crowd = Crowd(0 if cloudnativepg and not by_face else voters // 3, by_face, poses)
            asyncio.run(_referendum(Deployment(people), folder, voters, begin, crowd, end))
            if operated and by_face:
                for line in erasure.follow(operated.store, by_face):
                    say(line)
            for line in probes.side_by_side(*arrows):
                say(line)
            say(watch.judge(frozenset().union(*explained)))
        finally:
            people.vouching.stop()


@contextmanager
def cluster(count: int) -> Iterator[None]:
    """Up, and taken away without a trace, whatever happens."""
    before = nodes.traces()
    nodes.up(count)
    try:
        say(f"{count} nodes are ready")
        yield
    except BaseException:
        with suppress(nodes.Refused):
            nodes.note()
        raise
    finally:
        nodes.down()
        if left := sorted(nodes.traces() - before):
            say(f"the cluster left {left}")
        else:
            say("the cluster is gone without a trace")
    if left:
        raise Missing(f"the cluster left {left}")


def _bring_the_next(
    images: Mapping[str, bundles.Bundle], services: Mapping[str, bundles.Bundle]
) -> Mapping[str, bundles.Bundle]:
    """Make the images of the release after this one, and bring them to the nodes, which keep what they have."""
    following = bundles.next_release(services)
    nodes.load([*images.values(), *services.values(), *following.values()])
    return following


def _fronts() -> Iterator[str]:
    """The pages and their configuration, as a browser gets them."""

    async def ask(url: str) -> str:
        async with open_client() as client:
            answer = await client.get(url)
            answer.raise_for_status()
            return answer.text

    for key in ("vote", "board"):
        page = asyncio.run(ask(f"https://{release.HOSTS[key]}/"))
        config = json.loads(asyncio.run(ask(f"https://{release.HOSTS[key]}/config.json")))
        if "<script" not in page or config["services"]["ballot"] != f"https://{release.HOSTS['ballot']}":
            raise Missing(f"{key} doesn't serve its page and the city's configuration")
        yield f"https://{release.HOSTS[key]}/ serves its page, and names the services"


class Loss:
    """All databases go with their volumes and are put back from their archives; nobody comes meanwhile, but some."""

    fires: Final = cnpg.WHEN_LOST
    """As of a :class:`Fault`."""

    def __init__(self, this: Mapping[str, Any], databases: Sequence[str]) -> None:
        """``this``: the values of the release that runs."""
        self._this, self._databases = this, databases
        self.evidence: set[str] = set()
        """Of releases, what main's archive did not have: by its SHA-256, once it has happened."""

    def happen(self, go_on: Callable[[], None]) -> Iterator[str]:
        """What there is to tell meanwhile. ``go_on`` lets some people vote, of whom the archive doesn't have all."""
        noted = {name: recovery.note(name) for name in self._databases}
        go_on()
        yield f"PostgreSQL is looked at {recovery.look_back(*noted[cnpg.MAIN])}"
        before = {name: recovery.contents(cnpg.primary(name)) for name in self._databases}
        evidence = recovery.evidence()
        for name in self._databases:
            recovery.lose(name)
        yield f"all instances of {' and '.join(self._databases)} are gone, and their volumes"
        begun = time.monotonic()
        recovery.put_back(self._this, self._databases)
        yield f"they are put back from their archives, and replicas follow the log ({time.monotonic() - begun:.0f} s)"
        for name, contents in before.items():
            lost = "; ".join(recovery.wait_caught_up(name, contents)) or "nothing more"
            yield f"every table of {name} that a replay makes is as it was; the archive did not have: {lost}"
        self.evidence = evidence - recovery.evidence()


@dataclass(frozen=True)
class Crowd:
    """The last of the voters, who come all at once."""

    size: int
    by_face: int
    """The last of these come by voting code and face."""
    poses: Poses | None
    """Whom they all look like."""


async def _referendum(
    platform: Deployment,
    folder: Path,
    voters: int,
    begin: Callable[[str], tuple[Sequence[Fault], Loss | None]],
    crowd: Crowd,
    end: Callable[[wall.Turnout], None],
) -> None:
    """``begin`` is given the election, and says what happens while people vote; ``end`` what they have done."""
    async with open_client(timeout_s=120) as client:
        referendum = Referendum(platform, client, directory=folder, group="Ed25519", voters=voters, seed=_SEED)

        async def make_key(election_uuid: str) -> None:
            say(await asyncio.to_thread(hsm.make_key, release.NAMESPACE, release.RELEASE, election_uuid))
            await asyncio.to_thread(release.wait_ready)

        await referendum.prepare(make_key)
        say(f"key ceremony held, roll of {voters} frozen, election {referendum.officers.election_uuid} open")
        await asyncio.to_thread(referendum.issue_cards, lambda: None)
        if crowd.poses:
            await referendum.send_letters(crowd.by_face, crowd.poses.photograph(), platform.biometric.url)
            say(f"{crowd.by_face} enrolled by face, and sent their voting codes")
        faults, loss = await asyncio.to_thread(begin, referendum.officers.election_uuid)
        with device_pool() as executor:
            polls = await referendum.open_polls(executor)
            comers = referendum.voters[voters - crowd.size :]
            visits = [visit for visit in referendum.plan_visits() if visit.voter.number < voters - crowd.size]
            visits, later = around_the_loss(visits) if loss else (visits, [])
            for number, fault in enumerate(faults):
                share = visits[: len(visits) // (len(faults) - number)]
                happening = asyncio.create_task(asyncio.to_thread(timed, fault))
                voted = 0
                while voted < len(share) and not happening.done():
                    await referendum.vote(polls, [share[voted]], lambda: None)
                    voted += 1
                    await asyncio.wait({happening}, timeout=_BETWEEN_VOTERS_S)
                say(f"{await happening}; {voted} voted meanwhile")
                if voted == 0:
                    raise Missing("nobody was left to vote: there have to be more voters")
                visits = visits[voted:]
            await referendum.vote(polls, visits, lambda: None)
            late = set[str]()
            if loss:
                came = {voter.number for voter in referendum.voters if voter.credential}
                meanwhile, later = later[::2], later[1::2]
                await _tell(loss, lambda: referendum.vote(polls, meanwhile, lambda: None))
                late = {_public(voter) for voter in referendum.voters if voter.casts and voter.number not in came}
                await referendum.vote(polls, later, lambda: None)
                say(f"{len(meanwhile)} voted before the loss and after what the archive has, {len(later)} after it")
        casts = [cast for voter in referendum.voters for cast in voter.casts]
        kept: Sequence[Mapping[str, Any]] = []
        if comers:
            target = target_of(platform, referendum, biometric_url=platform.biometric.url)
            turnout = f"{platform.ballots[0].url}/elections/{referendum.officers.election_uuid}/turnout/events"
            async with client.stream("GET", turnout) as events:
                kept = await asyncio.to_thread(_come_at_once, target, comers, crowd.poses, folder)
                await asyncio.wait_for(_shows(events, len(casts) + len(kept)), _LOGGED_WITHIN_S)
            say("who followed the turnout by one stream through the edge saw every ballot come to the log")
        say(f"{len(casts) + len(kept)} ballots were acknowledged")
        of_crowd = {one.tracker: one.voter for one in read_posted(folder / "crowd")} if comers else {}
        came = {of_crowd[cast["receipt"]["tracker"]] for cast in kept}
        voted = sum(referendum.expected_result()) + len(came)
        await asyncio.to_thread(end, wall.Turnout(voted, len(casts) + len(kept)))
        counts = await referendum.close_and_count()
        say(f"closed, counted and certified: {counts}")
        archive = folder / "archive.bel"
        await referendum.officers.download_archive(archive)
        receipts = [*(cast.tracker for cast in casts), *(cast["receipt"]["tracker"] for cast in kept)]
        compared = compare(archive, receipts)
        if compared.lost or compared.unclaimed:
            raise Missing(
                f"acknowledged and not in the archive: {compared.lost}; not acknowledged: {compared.unclaimed}"
            )
        theirs = counted(compared.archived, read_posted(folder / "crowd")) if comers else [0] * len(counts)
        if counts != (wanted := [sum(both) for both in zip(referendum.expected_result(), theirs, strict=True)]):
            raise Missing(f"the count is {counts}, and people meant {wanted}")
        say("every acknowledged ballot is in the archive, and the count is what people meant")
        lost, election = loss.evidence if loss else set[str](), referendum.officers.election_uuid
        print(auditor.reconcile(platform, election, archive, lost=lost, whose=late), flush=True)
        say(f"evote audit releases names {len(lost)} releases, those whose evidence is lost, and who voted with them")
        verdict = await verify_from_public_data(platform, client, casts[-1].receipt, folder)
    print(verdict.output, flush=True)
    if not verdict.accepted:
        raise Missing("evote-verify refuses the archive")
    say("evote-verify accepts the archive with the log, its witnesses and the chain")


def around_the_loss(visits: Sequence[Visit]) -> tuple[list[Visit], list[Visit]]:
    """The visits before it, and those around it: some who come but once, then the last, who come again.

    Whose device has a credential needs no auth: without the former nobody would use the vault that was lost.
    """
    half = _AFTER_THE_LOSS // 2
    count = Counter(visit.voter.number for visit in visits)
    before, again = visits[:-half], visits[-half:]
    first = [visit for visit in before if count[visit.voter.number] == 1][-half:]
    return [visit for visit in before if visit not in first], [*first, *again]


async def _tell(loss: Loss, vote: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Let it happen beside the loop in which people vote."""
    loop = asyncio.get_running_loop()

    def happen() -> None:
        for line in loss.happen(lambda: asyncio.run_coroutine_threadsafe(vote(), loop).result()):
            say(line)

    await asyncio.to_thread(happen)


def _public(voter: Voter) -> str:
    return str(json.loads(voter.casts[-1].ballot)["credential"])


def _come_at_once(
    target: Target, comers: Sequence[Voter], poses: Poses | None, folder: Path
) -> Sequence[Mapping[str, Any]]:
    """A crowd by the load tests' own program; the casts that it has receipts for."""
    codes = {place: voter.code for place, voter in enumerate(comers) if voter.code is not None}
    letters = Letters(codes, poses) if poses else None
    write_target(folder / "target", target, [voter.card for voter in comers], letters=letters)
    words = ["--target", str(folder / "target"), "--out", str(folder / "crowd"), "--seconds", str(_CROWD_S)]
    done = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-m", "evote_loadtests.main", *words], capture_output=True, text=True, check=False
    )
    print(done.stdout, end="", flush=True)
    if done.returncode != 0:
        raise Missing(f"the crowd's program ended with status {done.returncode}:\n{done.stderr[-4000:]}")
    return [json.loads(line) for line in (folder / "crowd/casts.jsonl").read_text().splitlines()]


async def _shows(events: httpx.Response, ballots: int) -> None:
    """Return when the turnout's stream says that so many ballots are in the log."""
    async for line in events.aiter_lines():
        if line.startswith("data:") and json.loads(line.removeprefix("data:"))["logged"] == ballots:
            return
    raise Missing(f"the stream of the turnout ended before {ballots} ballots were in the log")
