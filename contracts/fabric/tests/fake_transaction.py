"""A fake of a peer's transaction: the state is a dictionary, and writes show only once they are committed."""

from __future__ import annotations


class FakeTransaction:
    """Implements :class:`evote_anchor_chaincode.contract.Transaction` without a peer."""

    def __init__(self, committed: dict[str, bytes], creator_msp_id: str) -> None:
        self._committed = committed
        self.creator_msp_id = creator_msp_id
        self.reads: list[str] = []
        self.writes: dict[str, bytes] = {}
        self.event: tuple[str, bytes] | None = None

    async def get_state(self, key: str) -> bytes:
        self.reads.append(key)
        return self._committed.get(key, b"")

    async def put_state(self, key: str, value: bytes) -> None:
        self.writes[key] = value

    def set_event(self, name: str, payload: bytes) -> None:
        self.event = (name, payload)

    def commit(self) -> None:
        self._committed.update(self.writes)
