from __future__ import annotations

import json
from typing import Annotated, Literal
from urllib.parse import quote

import httpx
import pytest
from evote_platform.field_errors import field_error_of
from evote_platform.problems import Problem, ProblemTable, answer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .conftest import CLOSED, LATE, Thing


def check_problem(response: httpx.Response, status: int, slug: str) -> dict:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert document["type"] == f"urn:tsukuba-evote:problem:{slug}"
    assert document["status"] == status
    assert document["title"] and document["detail"] and document["en"]["title"] and document["en"]["detail"]
    return document


async def test_a_problem_carries_its_extensions_and_headers(client: httpx.AsyncClient) -> None:
    response = await client.get("/refused")
    document = check_problem(response, 403, "election-closed")
    assert document["closed_at"] == "x"
    assert response.headers["x-why"] == "y"


async def test_what_happened_and_what_to_do_is_said_in_japanese_and_in_english(client: httpx.AsyncClient) -> None:
    document = (await client.get("/refused")).json()
    assert (document["title"], document["detail"]) == ("締め切られました", "係員が x に締め切りました。")
    assert document["en"] == {"title": "Closed", "detail": "an officer did at x."}


async def test_a_refusal_of_the_services_is_answered_from_its_table(client: httpx.AsyncClient) -> None:
    response = await client.get("/late")
    check_problem(response, 503, "late")
    assert response.headers["retry-after"] == "3"  # as the refusal knows, rounded up; not the kind's 9


async def test_every_problem_of_a_route_names_what_the_route_adds(client: httpx.AsyncClient) -> None:
    for path, status, slug in (("refused", 503, "late"), ("things/x", 422, "invalid-request")):
        document = check_problem(await client.get(f"/elsewhere/{path}"), status, slug)
        assert document["other_ways"] == ["card"]
        assert document["detail"].endswith("。カードも使えます。")
        assert document["en"]["detail"].endswith(". A card will do.")


async def test_a_problem_that_knows_better_keeps_its_member_and_says_nothing_more(client: httpx.AsyncClient) -> None:
    document = check_problem(await client.get("/elsewhere/nowhere"), 403, "over")
    assert document["other_ways"] == []
    assert (document["detail"], document["en"]["detail"]) == ("もうできません。", "Not any more.")


def test_a_fact_that_is_missing_is_an_error_and_never_an_empty_place() -> None:
    with pytest.raises(KeyError, match="who"):
        Problem(CLOSED, {"closed_at": "x"}).document()


def test_a_table_lists_every_problem_of_its_service() -> None:
    table = ProblemTable([answer(KeyError, LATE)], raised=[CLOSED])
    slugs = [kind.slug for kind in table.kinds()]
    assert {"late", "election-closed", "invalid-request", "internal-error"} <= set(slugs)
    assert len(slugs) == len(set(slugs))


@pytest.mark.parametrize(
    ("body", "status", "slug"),
    [
        (b'{"name": "x", "count": 1}', 200, None),
        (b'{"name": "x"', 400, "malformed-json"),
        (b"\xff\xfe\x00", 400, "malformed-json"),
        (b'{"name": "\xff"}', 400, "malformed-json"),
        (b"[" * 900, 400, "malformed-json"),
        (b'{"name": 1}', 422, "invalid-request"),
        (b'{"name": "x", "count": ' + b"9" * 400 + b"}", 200, None),  # a model has to bound its integers
        (b'{"name": "x", "count": ' + b"9" * 5000 + b"}", 413, "body-too-large"),
        (b'{"name": "a\\u0000b"}', 422, "invalid-request"),
        (b'{"name": "\\ud800"}', 422, "invalid-request"),
        (b'{"name": "x", "count": NaN}', 422, "invalid-request"),
        (b'{"name": "x", "count": 1e400}', 422, "invalid-request"),
        (b'{"name": "x", "\\ud800": 1}', 422, "invalid-request"),
        (b"", 422, "invalid-request"),
    ],
)
async def test_a_bad_body_is_the_clients_fault(
    client: httpx.AsyncClient, body: bytes, status: int, slug: str | None
) -> None:
    response = await client.post("/things", content=body, headers={"content-type": "application/json"})
    if slug is None:
        assert response.status_code == status
    else:
        check_problem(response, status, slug)


async def test_validation_names_fields_and_never_repeats_what_was_sent(client: httpx.AsyncClient) -> None:
    response = await client.post("/things", json={"name": ["secret-1"], "secret-2": "secret-3", "count": "secret-4"})
    document = check_problem(response, 422, "invalid-request")
    assert "secret" not in response.text
    reasons = {error["field"]: error["reason"] for error in document["errors"]}
    assert reasons.keys() == {"body.?", "body.name", "body.count"} and reasons["body.?"] == "unknown field"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("open_at", "body.open_at"),
        ("colour", "body.colour"),
        ("2LBaoczhh9kd5F5bGPxFAJ", "body.?"),  # a credential that slipped into the wrong place
        ("7K3M-Q0ZT-AAAA-BBBB", "body.?"),
        ("鈴木 花子", "body.?"),
        ("a" * 33, "body.?"),
    ],
)
async def test_an_unknown_field_is_named_when_it_is_written_as_names_of_fields_are(
    client: httpx.AsyncClient, name: str, shown: str
) -> None:
    document = (await client.post("/things", json={"name": "x", name: 1})).json()
    (error,) = document["errors"]
    assert (error["field"], error["reason"]) == (shown, "unknown field")


class Everything(BaseModel):
    """A field for each limit that the platform's models use."""

    model_config = ConfigDict(extra="forbid", strict=True)

    text: Annotated[str, Field(min_length=2, max_length=3)]
    formed: Annotated[str, Field(pattern="^[0-9]+$")]
    number: Annotated[int, Field(ge=2, le=3)]
    sign: bool
    chosen: Literal["a", "b"]
    several: Annotated[tuple[int, ...], Field(min_length=2, max_length=3, strict=False)]
    inner: Thing


SECRET = "himitsu"


@pytest.mark.parametrize(
    ("changed", "field", "said"),
    [
        ({"text": "x"}, "text", "2 文字以上"),
        ({"text": SECRET}, "text", "3 文字以下"),
        ({"text": 1}, "text", "文字列"),
        ({"formed": SECRET}, "formed", "^[0-9]+$"),
        ({"number": SECRET}, "number", "整数"),
        ({"number": 1}, "number", "2 以上"),
        ({"number": 4}, "number", "3 以下"),
        ({"sign": SECRET}, "sign", "true か false"),
        ({"chosen": SECRET}, "chosen", "'a'"),
        ({"several": [1]}, "several", "2 個以上"),
        ({"several": [1, 2, 3, 4]}, "several", "3 個以下"),
        ({"several": SECRET}, "several", "一覧"),
        ({"inner": SECRET}, "inner", "項目の組（{ } で囲む）"),
        ({"inner": {}}, "inner.name", "必要な項目がありません"),
        ({"inner": {"name": "echo"}}, "inner.name", "正しい値ではありません"),
    ],
)
def test_what_is_right_is_said_in_japanese_with_the_models_own_limits(changed, field: str, said: str) -> None:
    right = {"text": "xy", "formed": "1", "number": 2, "sign": True, "chosen": "a", "several": [1, 2]}
    with pytest.raises(ValidationError) as refused:
        Everything.model_validate({**right, "inner": {"name": "x"}, **changed})
    (error,) = map(field_error_of, refused.value.errors())
    assert error["field"] == field and said in error["ja"]
    assert SECRET not in "".join(error.values())


async def test_the_message_of_a_value_error_is_withheld_and_a_custom_one_is_shown(client: httpx.AsyncClient) -> None:
    withheld = (await client.post("/things", json={"name": "echo"})).json()["errors"]
    shown = (await client.post("/things", json={"name": "said"})).json()["errors"]
    assert [(error["field"], error["reason"]) for error in withheld] == [("body.name", "not valid")]
    assert [(error["field"], error["reason"]) for error in shown] == [("body.name", "this name is taken")]


async def test_a_text_that_a_model_forgot_to_refuse_is_still_the_clients_fault(client: httpx.AsyncClient) -> None:
    response = await client.post("/careless", content=b'{"text": "\\ud800"}')
    check_problem(response, 422, "invalid-request")


async def test_unknown_paths_and_methods_are_problems(client: httpx.AsyncClient) -> None:
    check_problem(await client.get("/nowhere"), 404, "not-found")
    check_problem(await client.get("/officer/"), 404, "not-found")
    response = await client.delete("/things")
    check_problem(response, 405, "method-not-allowed")
    assert response.headers["allow"] == "POST"


async def test_an_unexpected_error_gives_nothing_away(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    response = await client.get("/broken")
    check_problem(response, 500, "internal-error")
    logged = caplog.text + "".join(capsys.readouterr())
    assert "RuntimeError" in logged
    assert response.headers["x-request-id"] in logged
    assert "secret" not in response.text + logged


async def test_an_absent_database_is_503_with_retry_after(client: httpx.AsyncClient) -> None:
    response = await client.get("/database-away")
    check_problem(response, 503, "database-unavailable")
    assert int(response.headers["retry-after"]) >= 1


@pytest.mark.parametrize(
    "path",
    [
        "/elections/%00aaaaaaaaaaaaaaaaaaaa/things",
        "/elections/%ff%fe/things",
        "/elections/%ed%a0%80aaaaaaaaaaaaaa/things",
        "/elections/0OIl0OIl0OIl0OIl/things",
        "/elections/" + "a" * 65 + "/things",
        "/elections/aaaaaaaaaaaaaa/things?after=-1",
        "/elections/aaaaaaaaaaaaaa/things?after=" + "9" * 6000,
        "/elections/aaaaaaaaaaaaaa/things?after=9007199254740992",
        "/elections/aaaaaaaaaaaaaa/things?after=%00",
        "/elections/aaaaaaaaaaaaaa/things?after=%ed%a0%80",
        "/elections/aaaaaaaaaaaaaa/things?after=1.5",
        "/elections/aaaaaaaaaaaaaa%0a/things",
        "/status/" + "a" * 42,
        "/status/" + "a" * 42 + "%00",
    ],
)
async def test_no_path_or_query_reaches_the_database_unchecked(client: httpx.AsyncClient, path: str) -> None:
    check_problem(await client.get(path), 422, "invalid-request")


async def test_a_tracker_may_hold_slashes_plain_or_encoded(client: httpx.AsyncClient) -> None:
    tracker = "ab/+" + "c" * 39
    for written in (tracker, quote(tracker, safe="")):
        assert (await client.get(f"/status/{written}")).json() == {"tracker": tracker}


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    ).map(lambda value: json.dumps(value).encode())
)
async def test_no_body_makes_a_server_error(client: httpx.AsyncClient, body: bytes) -> None:
    response = await client.post("/things", content=body, headers={"content-type": "application/json"})
    assert response.status_code in {200, 400, 413, 422}


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(max_size=60))
async def test_no_path_makes_a_server_error(client: httpx.AsyncClient, raw: bytes) -> None:
    for prefix in ("/elections/", "/status/"):
        response = await client.get(prefix + quote(raw, safe=""))
        assert response.status_code in {200, 404, 422}
