"""No request gives a 5xx, and every refusal is a problem document."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import quote

import httpx
import pytest
from evote_ceremony.messages import Step
from evote_local.people.rehearsal import Rehearsal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.stack

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.sampled_from(["Ed25519", "2026-11-24T00:00:00Z", "9999-12-31T23:59:59+23:59", "\0", "0" * 64])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
DRAFT = {
    "name": "n",
    "description": "",
    "group": "Ed25519",
    "administrator": "a",
    "questions": [{"question": "q", "answers": ["a", "b"], "blank": False, "min": 0, "max": 1}],
    "opens_at": "2026-11-24T00:00:00Z",
    "closes_at": "2126-11-24T00:00:00Z",
    "trustees": [{"name": trustee.name, "key": trustee.key} for trustee in Rehearsal(["a", "b"]).trustees],
    "threshold": 2,
}


@st.composite
def changed_drafts(draw: st.DrawFn) -> object:
    body = json.loads(json.dumps(DRAFT))
    target = draw(st.sampled_from([body, body["questions"][0], body["trustees"][0]]))
    target[draw(st.sampled_from([*target, "extra"]))] = draw(JSON)
    return body


SIGNED = [
    None,
    None,
    b"",
    b"Evote-Command",
    b"Evote-Command e30",
    b"Evote-Command ,,",
    b"Evote-Access \xc3\xbc",
    b"Bearer x",
]
"""None: signed by the officers."""
BODIES = st.one_of(
    st.builds(lambda value: json.dumps(value).encode(), JSON | changed_drafts()),
    st.binary(max_size=40),
    st.sampled_from([b"", b"\xff", b'{"a":1,"a":2}', b"NaN", b'"\\ud800"', b"1e999", b"[" * 5000]),
)
MESSAGE_CHANGES = st.dictionaries(st.sampled_from(["message", "statement", "extra"]), JSON, max_size=2)
METHODS = st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"])


@pytest.mark.filterwarnings("ignore:Do not use the `random` module")  # Kafka's client does, beside the strategies
async def test_no_request_gives_a_5xx(officer) -> None:
    await officer.draft()
    template_paths = list((await officer.client.get("/openapi.json")).json()["paths"])
    said = await officer.say(1, Step.CERTIFICATE)
    signed = {"message": said.text, "statement": said.statement}
    bodies = BODIES | st.builds(lambda changes: json.dumps({**signed, **changes}).encode(), MESSAGE_CHANGES)
    steps = st.sampled_from([*Step, "confirmation", "x", ""])
    uuids = st.sampled_from([officer.uuid, "11111111111111", "x", "\0", "1" * 65]) | st.text(max_size=20)
    trustees = st.sampled_from(["1", "2", "21", "0", "-1", "9" * 30, "x"])
    loop = asyncio.get_running_loop()

    @given(
        METHODS,
        st.sampled_from(template_paths),
        uuids,
        trustees,
        st.sampled_from(SIGNED),
        bodies,
        steps,
        st.sampled_from(["application/json", "text/plain", "\x80", ""]),
    )
    @settings(max_examples=400, suppress_health_check=list(HealthCheck))
    def requests(method, template, uuid, trustee, header, body, step, content_type) -> None:
        try:
            uuid_in_path = quote(uuid, safe="")
        except UnicodeEncodeError:
            return
        path = template.replace("{election_uuid}", uuid_in_path).replace("{trustee}", trustee)
        path = path.replace("{step}", quote(step, safe=""))
        headers = {"Content-Type": content_type.encode("latin-1")}
        auth = officer.signed
        if header is not None:
            headers["Authorization"] = header
            auth = None
        sending = officer.client.request(method, path, content=body, headers=headers, auth=auth)
        response: httpx.Response = asyncio.run_coroutine_threadsafe(sending, loop).result()
        assert response.status_code < 500, (method, path, body, response.text)
        if response.status_code >= 400 and method != "HEAD":
            assert response.headers["content-type"] == "application/problem+json"
            assert response.json()["status"] == response.status_code

    await asyncio.to_thread(requests)
