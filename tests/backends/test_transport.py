"""The transport on its own: waits that servers name, cookies, errors of any kind, answers without end."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from aiohttp import web

from chains.backends.transport import Transport, error_body, retry_after
from chains.errors import BackendProtocolError, BackendUnavailable


def date(seconds: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("header", "low", "high"),
    [
        pytest.param("7", 7, 7, id="seconds"),
        pytest.param("-3", 0, 0, id="negative"),
        pytest.param("1e999", 3600, 3600, id="infinite"),
        pytest.param("Fri, 31 Dec 9999 23:59:59 -2359", 3600, 3600, id="the end of all dates"),
    ],
)
def test_a_wait(header: str, low: float, high: float) -> None:
    found = retry_after(header)
    assert found is not None
    assert low <= found <= high


@pytest.mark.parametrize(
    ("seconds", "form", "low", "high"),
    [
        pytest.param(100, "+0000", 90, 100, id="a date"),
        pytest.param(100, "-0000", 90, 100, id="-0000"),
        pytest.param(100, "", 90, 100, id="no zone"),
        pytest.param(-100, "+0000", 0, 0, id="a date that is past"),
    ],
)
def test_a_wait_until_a_date(seconds: float, form: str, low: float, high: float) -> None:
    found = retry_after(f"{date(seconds).removesuffix(' +0000')} {form}".strip())
    assert found is not None
    assert low <= found <= high


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(None, id="none"),
        pytest.param("", id="empty"),
        pytest.param("nan", id="no number"),
        pytest.param("soon", id="a word"),
        pytest.param("Fri, 31 Dec 99999 23:59:59 GMT", id="a year beyond all"),
        pytest.param("Fri, 31 Dec 2030 23:59:59 +9999999999999999", id="a zone beyond all"),
        pytest.param("Fri, 99 Dec 2030 99:99:99 GMT", id="no date"),
    ],
)
def test_no_wait(header: str | None) -> None:
    assert retry_after(header) is None


def served(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]], work: Callable[[Transport], Awaitable[None]]
) -> None:
    """Run the work on a transport to a server of this handler."""

    async def whole() -> None:
        application = web.Application()
        application.router.add_route("*", "/x", handler)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        transport = Transport("gpu", f"http://localhost:{runner.addresses[0][1]}")
        try:
            await work(transport)
        finally:
            await transport.aclose()
            await runner.cleanup()

    asyncio.run(whole())


@pytest.mark.e2e
def test_no_cookie_comes_back() -> None:
    seen: list[str | None] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.headers.get("cookie"))
        response = web.json_response({})
        response.set_cookie("session", "of-one-caller")
        return response

    async def work(transport: Transport) -> None:
        for _ in range(2):
            await transport.get_json("/x")

    served(handler, work)
    assert seen == [None, None]


@pytest.mark.e2e
def test_an_answer_without_end_is_none() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "application/json"})
        await response.prepare(request)
        while True:
            await response.write(b"1" * 65536)

    async def work(transport: Transport) -> None:
        with pytest.raises(BackendProtocolError, match="malformed"):
            await transport.get_json("/x")

    served(handler, work)


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("closed", "asked"),
    [
        pytest.param({2}, 3, id="an idle connection is closed as it is used again"),
        pytest.param({2, 3}, 3, id="and so is the next one"),
        pytest.param(set[int](), 2, id="none is"),
    ],
)
def test_a_question_is_asked_once_more(closed: set[int], asked: int) -> None:
    """A server may close a connection just as a question is on its way, which it then never reads."""
    seen: list[int] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(len(seen) + 1)
        if seen[-1] in closed:
            assert request.transport is not None
            request.transport.abort()
        return web.json_response({"tokens": [1]})

    async def work(transport: Transport) -> None:
        await transport.post_json("/x", {})
        with pytest.raises(BackendUnavailable) if len(closed) > 1 else nullcontext():
            assert await transport.post_json("/x", {}) == {"tokens": [1]}

    served(handler, work)
    assert len(seen) == asked


@pytest.mark.parametrize("kind", [AttributeError, OverflowError, IndexError, ZeroDivisionError, RecursionError])
def test_any_error_is_translated(kind: type[Exception]) -> None:
    async def work() -> None:
        async with Transport("gpu", "http://localhost").translated():
            raise kind("caller's text")

    with pytest.raises(BackendProtocolError, match="malformed or incomplete") as caught:
        asyncio.run(work())
    assert type(caught.value.original) is kind
    assert "caller" not in str(caught.value)


@pytest.mark.parametrize("kind", [asyncio.CancelledError, GeneratorExit, KeyboardInterrupt])
def test_whoever_leaves_is_no_error(kind: type[BaseException]) -> None:
    async def work() -> None:
        with pytest.raises(kind):
            async with Transport("gpu", "http://localhost").translated():
                raise kind

    asyncio.run(work())


@pytest.mark.parametrize(
    ("pieces", "length"),
    [
        pytest.param([b'{"error": ', b'"too long"}'], 21, id="in two pieces"),
        pytest.param([b"x" * 60_000, b"y" * 60_000], 64 << 10, id="bounded over all pieces"),
    ],
)
def test_the_body_of_a_refusal_is_read_to_its_end(pieces: list[bytes], length: int) -> None:
    async def refuses(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=400)
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
            await asyncio.sleep(0.05)
        return response

    async def work(transport: Transport) -> None:
        async with transport.get("/x") as response:
            assert await error_body(response) == b"".join(pieces)[:length]

    served(refuses, work)
