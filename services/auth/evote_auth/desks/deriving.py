"""The public credentials of a whole roll, in processes of their own: the event loop stays free, all cores work."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor

from evote_belenios.groups import group_by_name
from evote_platform.processes import process_pool

from ..domain.credentials import public_credentials

_VOTERS_A_TASK = 250


async def public_list(group_name: str, election_uuid: str, private: Sequence[str], processes: int) -> tuple[str, ...]:
    """The public credentials of all private ones, sorted, so that their order tells nothing about the roll's.

    A small roll is not worth starting processes for. The processes end with the call.
    """
    tasks = [private[start : start + _VOTERS_A_TASK] for start in range(0, len(private), _VOTERS_A_TASK)]
    loop = asyncio.get_running_loop()
    executor = _executor(len(tasks), processes)
    try:
        lists = await asyncio.gather(
            *(loop.run_in_executor(executor, _derive, group_name, election_uuid, task) for task in tasks)
        )
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
    return tuple(sorted(credential for found in lists for credential in found))


def _executor(tasks: int, processes: int) -> Executor:
    if tasks == 1:
        return ThreadPoolExecutor(1)
    return process_pool(min(processes, tasks))


def _derive(group_name: str, election_uuid: str, private: Sequence[str]) -> list[str]:
    return public_credentials(group_by_name(group_name), election_uuid, private)
