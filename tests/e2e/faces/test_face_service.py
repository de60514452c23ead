"""biometric among the other services: it runs from the stack's keys, and keeps to its OpenAPI document."""

from __future__ import annotations

import secrets
from datetime import timedelta

import httpx
import pytest
import schemathesis
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from evote_face.statements import FaceOrder, FacePurpose
from evote_local.nodes.photographs import fetch_photographs
from evote_local.people.occasions import DeviceOccasion
from evote_local.stack.stack import Stack
from evote_platform.clock import utc_now
from evote_statements.signed import sign_statement
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from ..signed_requests import SignedByStaff

pytestmark = [pytest.mark.stack, pytest.mark.slow]

CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance]
ELECTION = "1" * 14


def order(stack: Stack, purpose: FacePurpose) -> str:
    """What auth signs."""
    key = load_pem_private_key(stack.identities.face_order_key_file.read_bytes(), None)
    assert isinstance(key, Ed25519PrivateKey)
    now = utc_now()
    return sign_statement(
        FaceOrder(
            election_uuid=ELECTION,
            voter_ref="ab" * 16,
            order_id=secrets.token_hex(16),
            purpose=purpose,
            issued_at=now,
            expires_at=now + timedelta(minutes=5),
            device_key=DeviceOccasion(ELECTION).device_key if purpose is FacePurpose.VERIFY else None,
        ),
        key,
    )


def test_a_face_is_enrolled_and_a_verification_begins(stack: Stack) -> None:
    photo = (fetch_photographs() / "obama/1.jpg").read_bytes()
    with httpx.Client(base_url=stack.biometric.url, timeout=60) as client:
        enrolled = client.post(
            "/enrolments",
            data={"order": order(stack, FacePurpose.ENROL)},
            files={"photo": ("photo.jpg", photo, "image/jpeg")},
        )
        assert enrolled.status_code == 201, enrolled.text
        begun = client.post("/verifications", json={"order": order(stack, FacePurpose.VERIFY)})
        assert begun.status_code == 201, begun.text


def test_no_request_makes_it_fail_or_leave_its_contract(stack: Stack) -> None:
    schema = schemathesis.openapi.from_url(f"{stack.biometric.url}/openapi.json", timeout=60)
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) > 5
    for operation in operations:
        cases = operation.as_strategy(generation_mode=GenerationMode.POSITIVE) | operation.as_strategy(
            generation_mode=GenerationMode.NEGATIVE
        )

        @settings(max_examples=40, suppress_health_check=list(HealthCheck), database=None)
        @given(cases, st.booleans(), st.booleans())
        def requests(case, of_this_election: bool, by_an_officer: bool) -> None:
            if of_this_election and "election_uuid" in case.path_parameters:
                case.path_parameters["election_uuid"] = ELECTION
            auth = SignedByStaff(stack, "biometric") if by_an_officer else None
            case.validate_response(case.call(auth=auth, timeout=60), checks=CHECKS)

        requests()
