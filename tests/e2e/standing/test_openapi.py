"""Every service keeps to its OpenAPI document, whatever is sent to it."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import pytest
import schemathesis
from evote_local.people.voters import open_client
from evote_local.referendum.referendum import Referendum
from evote_local.stack.stack import Stack
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from ..signed_requests import SignedByStaff

pytestmark = [pytest.mark.stack, pytest.mark.slow]

CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance]
EXAMPLES = 40


@pytest.fixture(scope="module")
def referendum(stack: Stack):
    """An open one, so that requests get behind the first refusal."""

    async def opened(directory: Path) -> Referendum:
        async with open_client() as client:
            prepared = Referendum(stack, client, directory=directory, group="Ed25519", voters=3, seed=1)
            await prepared.prepare()
            return prepared

    with tempfile.TemporaryDirectory() as directory:
        yield asyncio.run(opened(Path(directory)))


@pytest.mark.parametrize("name", ["auth", "ballot-1", "ledger-anchor", "tally"])
def test_no_request_makes_a_service_fail_or_leave_its_contract(stack: Stack, referendum: Referendum, name: str) -> None:
    service = next(service for service in stack.services if service.name == name)
    service_name = name.removesuffix("-1")
    schema = schemathesis.openapi.from_url(f"{service.url}/openapi.json", timeout=60)
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) > 5
    for operation in operations:
        if operation.path.endswith("/turnout/events"):
            continue  # its answer has no end
        cases = operation.as_strategy(generation_mode=GenerationMode.POSITIVE) | operation.as_strategy(
            generation_mode=GenerationMode.NEGATIVE
        )

        @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), database=None)
        @given(cases, st.booleans(), st.booleans())
        def requests(case, of_this_election: bool, by_an_officer: bool) -> None:
            if of_this_election and "election_uuid" in case.path_parameters:
                case.path_parameters["election_uuid"] = referendum.officers.election_uuid
            auth = SignedByStaff(stack, service_name) if by_an_officer else None
            case.validate_response(case.call(auth=auth, timeout=60), checks=CHECKS)

        requests()
