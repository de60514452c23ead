"""Public answers are kept by caches for as long as they say, and are short to whoever has them already."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from evote_platform.caching import ConditionalAnswers, not_modified, public_for, tag_of
from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import StreamingResponse

TAG = tag_of(b"a long answer")


def app() -> FastAPI:
    app = FastAPI()
    app.add_middleware(ConditionalAnswers)
    counts = iter(range(100))

    @app.get("/same", dependencies=[Depends(public_for(7))])
    async def same() -> dict[str, str]:
        return {"answer": "the same"}

    @app.get("/other-each-time", dependencies=[Depends(public_for(7))])
    async def other() -> dict[str, int]:
        return {"count": next(counts)}

    @app.get("/private")
    async def private() -> dict[str, str]:
        return {"of": "one"}

    @app.get("/missing", dependencies=[Depends(public_for(7))])
    async def missing() -> Response:
        return Response(status_code=404)

    @app.get("/long", dependencies=[Depends(public_for(7))])
    async def long(request: Request) -> Response:
        async def parts() -> AsyncIterator[bytes]:
            next(counts)
            yield b"a long "
            yield b"answer"

        return not_modified(request, TAG, {}) or StreamingResponse(parts(), headers={"ETag": TAG})

    return app


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app()), base_url="http://service") as client:
        yield client


async def test_an_answer_says_how_long_it_may_be_kept_and_what_it_is(client: httpx.AsyncClient) -> None:
    first, again = [(await client.get("/same")).headers for _ in range(2)]
    assert first["cache-control"] == "public, max-age=7" and first["vary"] == "Authorization"
    assert first["etag"] == again["etag"]
    others = [(await client.get("/other-each-time")).headers["etag"] for _ in range(2)]
    assert len({first["etag"], *others}) == 3


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
@pytest.mark.parametrize("path", ["/same", "/long"])
async def test_whoever_has_the_answer_gets_304_without_a_body(client: httpx.AsyncClient, path: str, form: str) -> None:
    given = await client.get(path)
    tag = given.headers["etag"]
    answer = await client.get(path, headers={"If-None-Match": form.format(tag)})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == tag


async def test_a_changed_answer_is_given_whole(client: httpx.AsyncClient) -> None:
    tag = (await client.get("/other-each-time")).headers["etag"]
    answer = await client.get("/other-each-time", headers={"If-None-Match": tag})
    assert (answer.status_code, answer.json()) == (200, {"count": 1})


async def test_what_an_auditor_is_told_is_kept_by_nobody(client: httpx.AsyncClient) -> None:
    answer = await client.get("/same", headers={"Authorization": "EVote-Access x"})
    assert answer.headers["cache-control"] == "no-store" and "etag" not in answer.headers


@pytest.mark.parametrize("path", ["/private", "/missing"])
async def test_nothing_else_is_tagged(client: httpx.AsyncClient, path: str) -> None:
    assert not {"etag", "cache-control"} & set((await client.get(path)).headers)
