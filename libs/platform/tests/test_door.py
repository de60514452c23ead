"""The door: who would wait too long is told at once, and nobody is taken on behind one who has waited too long."""

from __future__ import annotations

import asyncio

import pytest
from evote_local.testbed import Watch, eventually
from evote_platform.door import Appointments, Door
from evote_platform.problems import OVERLOADED, Problem

AT_ONCE = 2
LONGEST_S = Watch.longest_s


def refused(door: Door, arrived: float) -> bool:
    try:
        door.require_room(arrived)
    except Problem as problem:
        assert (problem.kind, int(problem.headers["Retry-After"]) >= 2) == (OVERLOADED, True)
        return True
    return False


async def hold(door: Door, leave: asyncio.Event, entered: list[int], number: int, arrived: float = 1000.0) -> None:
    async with door.turn(arrived):
        entered.append(number)
        await leave.wait()


async def test_turns_come_in_the_order_of_arrival_and_no_more_at_once() -> None:
    door, entered = Watch().door(AT_ONCE), list[int]()
    leaves = [asyncio.Event() for _ in range(5)]
    guests = [asyncio.create_task(hold(door, leave, entered, number)) for number, leave in enumerate(leaves)]
    for number, leave in enumerate(leaves):
        await eventually(lambda reached=number + AT_ONCE: _is(len(entered) == min(reached, 5)))
        assert door.waiting == max(0, 5 - AT_ONCE - number)
        leave.set()
    await asyncio.gather(*guests)
    assert (entered, door.waiting) == ([0, 1, 2, 3, 4], 0)


async def _is(holds: bool) -> bool:
    return holds


async def test_nobody_is_let_in_behind_one_who_has_waited_too_long() -> None:
    watch, entered, leave = Watch(), list[int](), asyncio.Event()
    door = watch.door(1)
    guests = [asyncio.create_task(hold(door, leave, entered, number)) for number in range(2)]
    await eventually(lambda: _is(door.waiting == 1))
    assert not refused(door, watch.now)
    watch.now += LONGEST_S + 0.001
    assert refused(door, watch.now)
    leave.set()
    await asyncio.wait(guests)
    assert not refused(door, watch.now), "the door is open again as soon as nobody waits"


async def test_the_pace_of_those_before_tells_how_long_the_queue_is() -> None:
    watch, entered = Watch(), list[int]()
    door = watch.door(1)
    leaves = [asyncio.Event() for _ in range(30)]
    guests = [asyncio.create_task(hold(door, leave, entered, number)) for number, leave in enumerate(leaves)]
    await eventually(lambda: _is(door.waiting == 29))
    assert not refused(door, watch.now), "of a queue that has not moved yet nothing is known"
    for done in range(4):
        watch.now += LONGEST_S / 10
        leaves[done].set()
        await eventually(lambda reached=done + 2: _is(len(entered) == reached))
    assert refused(door, watch.now), "a tenth of the longest wait for each, and more than twenty are there"
    for leave in leaves:
        leave.set()
    await asyncio.wait(guests)
    assert not refused(door, watch.now)


async def test_who_has_waited_for_the_longest_time_is_turned_away() -> None:
    leave, entered, watch = asyncio.Event(), list[int](), Watch()
    door = Door(1, 0.01, lambda: watch.now)
    inside = asyncio.create_task(hold(door, leave, entered, 0))
    await eventually(lambda: _is(entered == [0]))
    with pytest.raises(Problem):
        await hold(door, leave, entered, 1)
    assert door.waiting == 0
    leave.set()
    await inside


async def test_who_goes_away_gives_the_place_in_the_queue_up() -> None:
    entered, leave = list[int](), asyncio.Event()
    door = Watch().door(1)
    inside, waiting = [asyncio.create_task(hold(door, leave, entered, number)) for number in range(2)]
    await eventually(lambda: _is(door.waiting == 1))
    waiting.cancel()
    await asyncio.wait([waiting])
    assert door.waiting == 0
    leave.set()
    await inside
    async with door.turn(1000.0):
        assert entered == [0]


async def test_what_was_waited_before_the_door_is_waited() -> None:
    watch, leave = Watch(), asyncio.Event()
    door = watch.door(AT_ONCE)
    assert not refused(door, watch.now - LONGEST_S - 0.001), "there is room"
    inside = asyncio.create_task(hold(door, leave, [], 0))
    await eventually(lambda: _is(door.inside == 1))
    assert not refused(door, watch.now - LONGEST_S)
    assert refused(door, watch.now - LONGEST_S - 0.001), "in the kernel, or in the event loop"
    leave.set()
    await inside


async def test_those_inside_are_in_the_way_as_those_who_wait() -> None:
    watch, entered = Watch(), list[int]()
    door = watch.door(20)
    leaves = [asyncio.Event() for _ in range(25)]
    guests = [asyncio.create_task(hold(door, leave, entered, number)) for number, leave in enumerate(leaves)]
    await eventually(lambda: _is(len(entered) == 20))
    for done in range(12):
        watch.now += LONGEST_S / 10
        leaves[done].set()
        await eventually(
            lambda left=done + 1: _is(len(entered) == min(20 + left, 25) and door.inside == min(20, 25 - left))
        )
    assert door.waiting == 0
    assert refused(door, watch.now), (
        "there is a turn at once, and thirteen are at work, one of whom ends every four seconds"
    )
    for leave in leaves:
        leave.set()
    await asyncio.wait(guests)
    assert not refused(door, watch.now)


async def test_a_few_are_taken_on_however_slow_it_was() -> None:
    watch, entered = Watch(), list[int]()
    door = watch.door(8)
    leaves = [asyncio.Event() for _ in range(8)]
    guests = [asyncio.create_task(hold(door, leave, entered, number)) for number, leave in enumerate(leaves)]
    await eventually(lambda: _is(len(entered) == 8))
    for done in range(5):
        watch.now += 2 * LONGEST_S
        leaves[done].set()
        await eventually(lambda left=done + 1: _is(door.inside == 8 - left))
    assert not refused(door, watch.now), "it would stay shut for ever"
    for leave in leaves:
        leave.set()
    await asyncio.wait(guests)


async def test_what_a_stall_taught_of_the_pace_is_forgotten_when_it_is_quiet() -> None:
    watch, entered, leaves = Watch(), list[int](), [asyncio.Event() for _ in range(16)]
    door = watch.door(8)
    guests = [asyncio.create_task(hold(door, leave, entered, number)) for number, leave in enumerate(leaves[:8])]
    await eventually(lambda: _is(len(entered) == 8))
    for leave, guest in zip(leaves[:8], guests, strict=True):
        watch.now += 2 * LONGEST_S
        leave.set()
        await asyncio.wait([guest])
    later = [asyncio.create_task(hold(door, leave, entered, 0, watch.now)) for leave in leaves[8:]]
    await eventually(lambda: _is(len(entered) == 16 or any(guest.done() for guest in later)))
    assert len(entered) == 16, "else half of them would be taken for as long as the replica lives"
    for leave in leaves:
        leave.set()
    await asyncio.gather(*later)


async def test_the_few_who_are_always_taken_show_that_a_stall_is_over() -> None:
    watch, entered, leaves = Watch(), list[int](), [asyncio.Event() for _ in range(80)]
    door, guests = watch.door(8), list[asyncio.Task[None]]()

    async def comes() -> None:
        number = len(guests)
        guests.append(asyncio.create_task(hold(door, leaves[number], entered, number, watch.now)))
        await eventually(lambda: _is(number in entered))

    async def ends(number: int) -> None:
        leaves[number].set()
        await asyncio.wait([guests[number]])

    for _ in range(8):
        await comes()
    for number in range(4):
        watch.now += 2 * LONGEST_S
        await ends(number)
    assert refused(door, watch.now), "four are inside, and there is a turn"
    for number in range(4, 60):
        await ends(number)  # at once
        await comes()
    assert not refused(door, watch.now)
    for leave in leaves:
        leave.set()
    await asyncio.wait(guests)


async def test_who_waits_for_others_is_in_nobodys_way() -> None:
    """Twenty whose work takes one and a half times what a turn may take, all of it in other hands."""
    watch, asked, here = Watch(), list[asyncio.Event](), 0
    door = watch.door(AT_ONCE)

    async def guest(answered: asyncio.Event) -> None:
        nonlocal here
        async with door.turn(watch.now) as turn, turn.aside():
            here += 1
            await answered.wait()
        here -= 1

    guests = list[asyncio.Task[None]]()
    for number in range(60):
        asked.append(asyncio.Event())
        guests.append(asyncio.create_task(guest(asked[-1])))
        await eventually(lambda came=number + 1: _is(here == min(came, 20)))
        assert (door.inside, door.waiting, refused(door, watch.now)) == (0, 0, False)
        if number >= 19:
            watch.now += 1.5 * LONGEST_S / 20
            asked[number - 19].set()
            await eventually(lambda: _is(here == 19))
    for answered in asked:
        answered.set()
    await asyncio.gather(*guests)


async def test_who_comes_back_waits_for_a_turn_and_is_never_turned_away() -> None:
    watch, answered, leave, entered = Watch(), asyncio.Event(), asyncio.Event(), list[int]()
    door = watch.door(1)

    async def guest() -> None:
        async with door.turn(watch.now) as turn:
            async with turn.aside():
                await answered.wait()
            entered.append(door.inside)

    outside = asyncio.create_task(guest())
    inside = asyncio.create_task(hold(door, leave, entered, 0))
    await eventually(lambda: _is(entered == [0]))
    answered.set()
    await eventually(lambda: _is(door.waiting == 1))
    watch.now += 10 * LONGEST_S
    assert refused(door, watch.now), "nobody is let in behind one who waits for so long"
    leave.set()
    await asyncio.gather(outside, inside)
    assert entered == [0, 1]
    assert (door.inside, door.waiting) == (0, 0)


@pytest.mark.parametrize("answers", [False, True], ids=["aside", "coming back"])
async def test_who_leaves_without_a_turn_gives_none_back(answers: bool) -> None:
    watch, answered, leave, entered = Watch(), asyncio.Event(), asyncio.Event(), list[int]()
    door = watch.door(1)

    async def guest() -> None:
        async with door.turn(watch.now) as turn, turn.aside():
            await answered.wait()

    leaver = asyncio.create_task(guest())
    inside = asyncio.create_task(hold(door, leave, entered, 0))
    await eventually(lambda: _is(entered == [0]))
    if answers:
        answered.set()
        await eventually(lambda: _is(door.waiting == 1))
    leaver.cancel()
    await asyncio.wait([leaver])
    assert (door.inside, door.waiting) == (1, 0)
    second = asyncio.create_task(hold(door, leave, entered, 1))
    await eventually(lambda: _is(door.waiting == 1))
    leave.set()
    await asyncio.gather(inside, second)


async def test_who_is_refused_by_others_has_the_turn_in_which_that_is_noted() -> None:
    door = Watch().door(1)
    async with door.turn(1000.0) as turn:
        with pytest.raises(KeyError):
            async with turn.aside():
                raise KeyError
        assert (door.inside, turn.held) == (1, True)
    assert door.inside == 0


def test_who_brings_what_is_void_soon_comes_again_before() -> None:
    watch = Watch()
    appointments = Appointments(lambda: watch.now)
    told = [appointments.next_s(0.5, 5.0) for _ in range(100)]
    assert all(2.0 <= wait <= 5.0 for wait in told)
    assert len(set(told)) > 50, "they don't come again together"


def test_no_more_are_told_to_come_again_in_a_second_than_can_be_served() -> None:
    watch = Watch()
    appointments = Appointments(lambda: watch.now, lambda low, _: low)
    assert [appointments.next_s(0.5) for _ in range(4)] == [2.5, 3.0, 3.5, 4.0]
    watch.now += 3.0
    assert appointments.next_s(0.5) == 2.5, "those of before have come by then"
    assert max(appointments.next_s(0.5) for _ in range(1000)) == 30.0
