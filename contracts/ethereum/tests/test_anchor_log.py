"""AnchorLog.vy on a real chain, called through its ABI by web3's own contract class."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from evote_local.nodes.anvil import AnvilNode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from web3 import HTTPProvider, Web3
from web3.exceptions import ContractLogicError

FOLDER = Path(__file__).parents[1]
A, B = b"a" * 32, b"b" * 32
ROOT = bytes(range(32))

pytestmark = pytest.mark.stack


@pytest.fixture
def web3(anvil: AnvilNode) -> Web3:
    return Web3(HTTPProvider(anvil.rpc_url))


@pytest.fixture
def compiler() -> ModuleType:
    spec = importlib.util.spec_from_file_location("anchor_log_compiler", FOLDER / "compile.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def artefact(compiler: ModuleType) -> dict[str, Any]:
    return json.loads(compiler.ARTEFACT.read_text())


@pytest.fixture
def deploy(web3: Web3, artefact: dict[str, Any]) -> Callable[[str], Any]:
    def deploy(anchorer: str) -> Any:
        factory = web3.eth.contract(abi=artefact["abi"], bytecode=artefact["bytecode"])
        receipt = web3.eth.wait_for_transaction_receipt(
            factory.constructor(anchorer).transact({"from": web3.eth.accounts[0]})
        )
        return web3.eth.contract(address=receipt["contractAddress"], abi=artefact["abi"])

    return deploy


@pytest.fixture
def contract(web3: Web3, deploy: Callable[[str], Any]) -> Any:
    return deploy(web3.eth.accounts[0])


def anchor(web3: Web3, contract: Any, origin: bytes, size: int, root: bytes = ROOT, sender: int = 0) -> Any:
    """Past web3's own estimate, which would find the refusal before it is on the chain."""
    call = contract.functions.anchor(origin, size, root)
    sent = call.transact({"from": web3.eth.accounts[sender], "gas": 200_000})
    return web3.eth.wait_for_transaction_receipt(sent)


def test_compiling_again_gives_the_artefact_that_is_shipped(compiler: ModuleType) -> None:
    assert compiler.compile_contract() == compiler.ARTEFACT.read_text(), "run `make contracts`"


def test_a_log_without_anchors_has_size_0(contract: Any) -> None:
    assert contract.functions.newest(A).call() == (0, bytes(32))


def test_the_newest_head_is_kept(web3: Web3, contract: Any) -> None:
    for size, root in ((1, b"\x01" * 32), (2, b"\x02" * 32), (2**64 - 1, ROOT)):
        assert anchor(web3, contract, A, size, root)["status"] == 1
        assert contract.functions.newest(A).call() == (size, root)


@pytest.mark.parametrize("size", [0, 1, 6, 7])
def test_a_size_that_does_not_grow_is_refused(web3: Web3, contract: Any, size: int) -> None:
    anchor(web3, contract, A, 7)
    receipt = anchor(web3, contract, A, size, b"\xff" * 32)
    assert (receipt["status"], receipt["logs"]) == (0, [])
    assert contract.functions.newest(A).call() == (7, ROOT)
    with pytest.raises(ContractLogicError, match="size does not grow"):
        contract.functions.anchor(A, size, ROOT).call({"from": web3.eth.accounts[0]})


def test_only_the_anchorer_anchors(web3: Web3, deploy: Callable[[str], Any]) -> None:
    contract = deploy(web3.eth.accounts[1])
    assert contract.functions.anchorer().call() == web3.eth.accounts[1]
    assert anchor(web3, contract, A, 1, sender=0)["status"] == 0  # whoever deployed it has no say
    assert contract.functions.newest(A).call() == (0, bytes(32))
    assert anchor(web3, contract, A, 1, sender=1)["status"] == 1
    with pytest.raises(ContractLogicError, match="not the anchorer"):
        contract.functions.anchor(A, 2, ROOT).call({"from": web3.eth.accounts[0]})


def test_a_contract_without_an_anchorer_is_not_made(deploy: Callable[[str], Any]) -> None:
    with pytest.raises(ContractLogicError, match="no anchorer"):
        deploy("0x" + "00" * 20)


def test_logs_do_not_touch_each_other(web3: Web3, contract: Any) -> None:
    anchor(web3, contract, A, 10)
    assert anchor(web3, contract, B, 3)["status"] == 1
    assert contract.functions.newest(A).call() == (10, ROOT)
    assert contract.functions.newest(B).call() == (3, ROOT)


def test_events_are_found_by_log(web3: Web3, contract: Any) -> None:
    for origin, size in ((A, 1), (B, 2), (A, 3)):
        anchor(web3, contract, origin, size)
    found = contract.events.Anchored().get_logs(from_block=0, argument_filters={"origin_id": A})
    assert [(log["args"]["size"], log["args"]["root"]) for log in found] == [(1, ROOT), (3, ROOT)]


def test_ether_is_not_taken(web3: Web3, contract: Any) -> None:
    with pytest.raises(ContractLogicError):
        web3.eth.call({"to": contract.address, "value": 1, "from": web3.eth.accounts[0]})


@given(
    st.lists(st.tuples(st.sampled_from([A, B]), st.integers(0, 6), st.binary(min_size=32, max_size=32)), max_size=12)
)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_log_keeps_the_running_maximum_of_what_it_was_offered(
    web3: Web3, deploy: Callable[[str], Any], offers: list[tuple[bytes, int, bytes]]
) -> None:
    contract = deploy(web3.eth.accounts[0])
    model: dict[bytes, tuple[int, bytes]] = {}
    for origin, size, root in offers:
        grows = size > model.get(origin, (0, b""))[0]
        assert anchor(web3, contract, origin, size, root)["status"] == (1 if grows else 0)
        if grows:
            model[origin] = (size, root)
    for origin in (A, B):
        assert contract.functions.newest(origin).call() == model.get(origin, (0, bytes(32)))
