"""The archive as a file: one form, a chain, growing at its end only, and nothing that can hurt its reader."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from evote_belenios.archive import ArchiveReader, ArchiveWriter, NotAnArchive, append_to, open_archive, read_ballots
from evote_belenios.archive.members import header_member, member_bytes
from evote_belenios.errors import ArchiveError
from evote_belenios.groups import BELENIOS_2048, ED25519, Group
from evote_belenios.jsontext import dump
from evote_belenios.verify import verify_archive
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

TIMESTAMP = 1_700_000_000


def write(story: Any, upto: int | None = None) -> bytes:
    """What the library's writer makes of a story, with only the first ``upto`` ballots while the election goes on."""
    file = io.BytesIO()
    writer = ArchiveWriter(file, timestamp=TIMESTAMP)
    writer.setup(story.election, story.trustees, dump(story.credentials))
    for ballot in story.ballots[:upto]:
        writer.ballot(ballot)
    if upto is None:
        writer.end_ballots()
        writer.encrypted_tally(story.tally, story.sized)
        for owner, text in story.decryptions:
            writer.partial_decryption(owner, text)
        writer.result(story.result)
    writer.close()
    return file.getvalue()


def verify(path: Path, processes: int = 1) -> Any:
    with open_archive(path) as file:
        return verify_archive(file, processes=processes, progress=lambda _done, _total: None)


@pytest.fixture
def story(tell_story: Callable[[Group], Any]) -> Any:
    return tell_story(ED25519)


def test_a_whole_archive_reads_back_and_holds(group: Group, tell_story: Any, tmp_path: Path) -> None:
    story = tell_story(group)
    path = tmp_path / "a.bel"
    path.write_bytes(write(story))
    assert list(read_ballots(path)) == story.ballots
    report = verify(path)
    assert (report.failures, report.ballots, report.counted, report.superseded) == ((), 4, 3, 1)
    assert report.decrypted_by == (1, 3)
    # Voter 0 voted again: はい once by voter 0, いいえ by voter 1, blank by voter 2; places by the last ballots.
    assert report.result == ((1, 1, 1), (1, 1))


def test_an_earlier_archive_is_the_beginning_of_every_later_one(story: Any) -> None:
    whole = write(story)
    for upto in range(len(story.ballots) + 1):
        assert whole.startswith(write(story, upto))


def test_every_reader_of_an_open_archive_begins_at_its_beginning_and_reads_the_same_file(
    story: Any, tmp_path: Path
) -> None:
    path, other = tmp_path / "a.bel", tmp_path / "other"
    path.write_bytes(write(story))
    with open_archive(path) as file:
        events = list(ArchiveReader(file))
        next(iter(ArchiveReader(file)))
        other.write_bytes(write(story, 1))
        other.replace(path)
        assert list(ArchiveReader(file)) == events


@pytest.mark.parametrize("upto", [0, 2, 4])
def test_an_archive_of_an_election_that_goes_on_holds_as_far_as_it_goes(story: Any, tmp_path: Path, upto: int) -> None:
    path = tmp_path / "a.bel"
    path.write_bytes(write(story, upto))
    report = verify(path)
    assert (report.failures, report.ballots, report.result) == ((), upto, None)


def test_all_cores_say_the_same_as_one(story: Any, tmp_path: Path, cast: Any) -> None:
    path = tmp_path / "a.bel"
    story.ballots = story.ballots * 10
    path.write_bytes(write(story, 40))
    one, two = verify(path), verify(path, processes=2)
    assert [failure.rule for failure in one.failures] == [failure.rule for failure in two.failures]
    assert one.failures and one.ballots == two.ballots == 4


def test_what_is_appended_continues_the_chain(story: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.bel"
    path.write_bytes(write(story, 2))
    with append_to(path) as writer:
        for ballot in story.ballots[2:]:
            writer.ballot(ballot)
    assert path.read_bytes() == write(story, 4)


def test_events_in_a_wrong_order_are_not_written(story: Any) -> None:
    writer = ArchiveWriter(io.BytesIO(), timestamp=TIMESTAMP)
    with pytest.raises(ArchiveError, match="event-order"):
        writer.ballot(story.ballots[0])
    writer.setup(story.election, story.trustees, dump(story.credentials))
    with pytest.raises(ArchiveError, match="event-order"):
        writer.result(story.result)


def test_the_tool_continues_our_archive_and_we_continue_its(
    tell_story: Any, belenios_tool: Any, tmp_path: Path
) -> None:
    story = tell_story(BELENIOS_2048)
    path = tmp_path / f"{uuid_of(story)}.bel"
    path.write_bytes(write(story, 2))
    belenios_tool("archive", "add-event", "--type=Ballot", folder=tmp_path, stdin=story.ballots[2] + "\n")
    with append_to(path) as writer:
        writer.ballot(story.ballots[3])
    assert path.read_bytes() == write(story, 4)
    belenios_tool("election", "verify", folder=tmp_path)


def uuid_of(story: Any) -> str:
    return str(story.election.split('"uuid":"')[1].split('"')[0])


def test_any_tar_program_lists_it(story: Any) -> None:
    with tarfile.open(fileobj=io.BytesIO(write(story) + bytes(1024))) as archive:
        names = archive.getnames()
    assert names[0] == "BELENIOS" and all(name.endswith((".data.json", ".event.json")) for name in names[1:])


@pytest.mark.parametrize("content", [b"", b"hello", bytes(4096), b"BELENIOS" + bytes(600)])
def test_other_files_are_not_archives(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(NotAnArchive), open_archive(path) as file:
        ArchiveReader(file)


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE, b"x", b"g", b"L", b"S"]
)
def test_members_of_other_kinds_are_refused(story: Any, tmp_path: Path, kind: bytes) -> None:
    member = tarfile.TarInfo("../../etc/passwd")
    member.type, member.linkname = kind, "/etc/passwd"
    path = tmp_path / "a.bel"
    path.write_bytes(write(story, 1) + member.tobuf(tarfile.GNU_FORMAT))
    assert [failure.rule for failure in verify(path).failures] == ["archive-member"]


def test_a_size_that_is_not_there_is_not_allocated(story: Any, tmp_path: Path) -> None:
    member = tarfile.TarInfo("a" * 64 + ".data.json")
    member.size = 8**11 - 1
    path = tmp_path / "a.bel"
    path.write_bytes(write(story, 1) + member.tobuf(tarfile.USTAR_FORMAT))
    tracemalloc.start()
    assert verify(path).failures
    assert tracemalloc.get_traced_memory()[1] < 50_000_000
    tracemalloc.stop()


def test_memory_does_not_grow_with_the_number_of_ballots_read(story: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.bel"
    story.ballots = [story.ballots[0]] * 3000
    path.write_bytes(write(story, 3000))
    assert path.stat().st_size > 15_000_000
    tracemalloc.start()
    assert sum(1 for _ in read_ballots(path)) == 3000
    assert tracemalloc.get_traced_memory()[1] < 3_000_000
    tracemalloc.stop()


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_goes_unseen_or_brings_the_verifier_down(story: Any, tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(write(story, 2))
    position = data.draw(st.integers(0, len(content) - 1))
    how = data.draw(st.sampled_from(["flip", "cut", "insert", "remove"]))
    if how == "flip":
        content[position] ^= data.draw(st.integers(1, 255))
    elif how == "cut":
        del content[position:]
    elif how == "insert":
        content[position:position] = data.draw(st.binary(min_size=1, max_size=600))
    else:
        del content[position : position + data.draw(st.integers(1, 600))]
    path = tmp_path / "damaged.bel"
    path.write_bytes(bytes(content))
    whole = write(story, 2)
    try:
        report = verify(path)
    except NotAnArchive:
        return
    # Cut between two events, what is left is an earlier archive.
    assert report.failures or whole.startswith(bytes(content))


def test_the_tools_archives_hold_here(belenios_tool: Any, tmp_path: Path) -> None:
    """Basic trustee, revote, several questions, all made there."""
    tool = lambda *arguments, stdin="": belenios_tool(*arguments, folder=tmp_path, stdin=stdin)  # noqa: E731
    group = ("--group", "BELENIOS-2048")
    uuid = tool("setup", "generate-token").strip()
    tool("setup", "generate-credentials", *group, "--uuid", uuid, "--count", "3")
    (private,), (public,) = tmp_path.glob("*.privcreds"), tmp_path.glob("*.pubcreds")
    public.rename(tmp_path / "public_creds.json")
    tool("setup", "generate-trustee-key", *group)
    (public_key,), (private_key,) = tmp_path.glob("*.pubkey"), tmp_path.glob("*.privkey")
    public_key.rename(tmp_path / "public_keys.jsons")
    tool("setup", "make-trustees")
    (tmp_path / "template.json").write_text(
        '{"description":"D","name":"N","questions":[{"answers":["a","b"],"blank":true,"min":1,"max":1,"question":"q"},'
        '{"answers":["a","b","c"],"min":0,"max":2,"question":"r"}]}'
    )
    tool("setup", "make-election", *group, "--uuid", uuid, "--template", "template.json")
    tool("archive", "init")
    credentials = [line.split()[1] for line in private.read_text().splitlines()]
    for voter, choices in ((0, "[[0,1,0],[1,0,1]]"), (1, "[[1,0,0],[0,0,0]]"), (0, "[[0,0,1],[0,1,0]]")):
        (tmp_path / "credential").write_text(credentials[voter])
        (tmp_path / "choices").write_text(choices)
        ballot = tool("election", "generate-ballot", "--privcred", "credential", "--ballot", "choices")
        tool("archive", "add-event", "--type=Ballot", stdin=ballot)
    tool("archive", "add-event", "--type=EndBallots")
    tool("archive", "add-event", "--type=EncryptedTally", stdin=tool("election", "compute-encrypted-tally"))
    decryption = tool("election", "decrypt", "--trustee-id", "1", "--privkey", private_key.name)
    tool("archive", "add-event", "--type=PartialDecryption", stdin=decryption)
    tool("archive", "add-event", "--type=Result", stdin=tool("election", "compute-result"))
    report = verify(tmp_path / f"{uuid}.bel")
    assert report.failures == ()
    assert (report.ballots, report.counted, report.result) == (3, 2, ((1, 0, 1), (0, 1, 0)))


def test_the_tool_accepts_our_whole_archive(tell_story: Any, belenios_tool: Any, tmp_path: Path) -> None:
    story = tell_story(BELENIOS_2048)
    (tmp_path / f"{uuid_of(story)}.bel").write_bytes(write(story))
    belenios_tool("election", "verify", folder=tmp_path)
    (tmp_path / f"{uuid_of(story)}.bel").write_bytes(write(story)[:-512])
    with pytest.raises(subprocess.CalledProcessError):
        belenios_tool("election", "verify", folder=tmp_path)


# What a small or sparse file costs whoever reads it.


def cost_of(path: Path) -> int:
    """The memory that verifying takes at its height beyond that of the empty archive, in bytes."""
    program = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from evote_belenios.archive import open_archive\n"
        "from evote_belenios.verify import verify_archive\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "with open_archive(Path(sys.argv[1])) as file:\n"
        "    report = verify_archive(file, processes=1, progress=lambda _done, _total: None)\n"
        "assert report.failures\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True)
    return int(done.stdout)


HOLES = member_bytes("0" * 64 + ".data.json", bytes(100), TIMESTAMP)[:512]
LISTS, NUMBERS = "[" + "[]," * 9_000_000 + "[]]", "[" + "1234567," * 4_000_000 + "1]"


def event_of(text: str) -> bytes:
    content = text.encode()
    return member_bytes(f"{hashlib.sha256(content).hexdigest()}.event.json", content, TIMESTAMP)


@pytest.mark.parametrize("member", [HOLES, event_of(LISTS)], ids=["holes", "event"])
def test_a_file_made_to_exhaust_its_reader_costs_less_than_100_mb(tmp_path: Path, member: bytes) -> None:
    path = tmp_path / "bomb.bel"
    path.write_bytes(header_member(TIMESTAMP) + member)
    os.truncate(path, 1_600_000_000)
    assert cost_of(path) < 100_000_000


@pytest.mark.parametrize("bomb", [LISTS, NUMBERS], ids=["lists", "numbers"])
def test_a_list_made_to_exhaust_its_reader_costs_less_than_100_mb(
    tell_story: Any, write_archive: Any, tmp_path: Path, bomb: str
) -> None:
    story = tell_story(ED25519)
    named = (hashlib.sha256(text.encode()).hexdigest() for text in (story.election, story.trustees, bomb))
    setup = dump(dict(zip(("election", "trustees", "credentials"), named, strict=True)))
    path = write_archive(tmp_path / "bomb.bel", [("Setup", [story.election, story.trustees, bomb, setup])])
    assert cost_of(path) < 100_000_000
