"""Documents in their processes: limits, cancellation, crashes, and that nothing is left behind."""

import asyncio
import base64
import os
import signal
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from chains.documents import DocumentLimits, DocumentReader, ReadRequest
from chains.documents.errors import (
    DocumentEmpty,
    DocumentEncrypted,
    DocumentInvalid,
    DocumentRefused,
    DocumentsBusy,
    DocumentsUnavailable,
    DocumentTooCostly,
    DocumentTooLarge,
)
from chains.task import Document, MediaType, TextInput
from tests.conftest import ROOT, wait_until
from tests.documents.pdfs import encrypted, flate_bomb, lines, pdf, slow_pdf
from tests.documents.processes import children, is_alive

pytestmark = pytest.mark.e2e

TWO = pdf([lines("One page."), lines("Page two.")])
LIMITS = DocumentLimits(max_pages=10, timeout_s=20, memory_mib=128)
Read = Callable[[MediaType, bytes], ReadRequest[TextInput]]


def request(media_type: MediaType, data: bytes, *, wants_text: bool = False) -> TextInput:
    document = Document(media_type=media_type, data_base64=base64.b64encode(data).decode())
    return TextInput(document=document, include_document_text=wants_text)


def with_reader(work: Callable[[DocumentReader], Coroutine[Any, Any, None]], limits: DocumentLimits = LIMITS) -> None:
    """Do the work with a reader of its own; no process of it is left."""

    async def whole() -> None:
        reader = DocumentReader(limits)
        try:
            await work(reader)
        finally:
            pid = reader.pid
            await reader.aclose()
        assert pid
        assert not is_alive(pid)
        assert not children(pid)

    asyncio.run(whole())


@pytest.fixture(scope="module")
def read() -> Iterator[Read]:
    """Reads a document; one process of parsers for all."""
    with asyncio.Runner() as loop:
        reader = DocumentReader(LIMITS)
        yield lambda media_type, data: loop.run(reader.read(request(media_type, data)))
        assert children(reader.pid) == []
        loop.run(reader.aclose())


@pytest.mark.parametrize(
    ("media_type", "data", "text", "empty"),
    [
        pytest.param(MediaType.PDF, TWO, "One page.\n\nPage two.", None, id="PDF"),
        pytest.param(MediaType.PDF, pdf([lines("Only."), lines()]), "Only.", 1, id="PDF with an empty page"),
        pytest.param(MediaType.HTML, "<p>Grüße <b>😀</b>".encode(), "Grüße 😀", None, id="HTML"),
        pytest.param(MediaType.MARKDOWN, b"# A\r\n*b*", "# A\r\n*b*", None, id="Markdown"),
        pytest.param(MediaType.PLAIN, "快递".encode(), "快递", None, id="plain"),
        pytest.param(MediaType.HTML, b"<p>" + b"word " * 200_000, ("word " * 200_000).strip(), None, id="a megabyte"),
    ],
)
def test_documents_become_texts(read: Read, media_type: MediaType, data: bytes, text: str, empty: int | None) -> None:
    found = read(media_type, data)
    assert (found.request.source, found.request.document) == (text, None)
    assert (found.document_text, found.pages_without_text) == (None, empty)


@pytest.mark.parametrize(
    ("media_type", "data", "error", "said"),
    [
        pytest.param(MediaType.PDF, b"%PDF-1.7\n" + os.urandom(999), DocumentInvalid, "broken", id="broken"),
        pytest.param(MediaType.HTML, TWO, DocumentInvalid, "a PDF file, not HTML", id="of another type"),
        pytest.param(MediaType.PDF, encrypted(TWO, "secret"), DocumentEncrypted, "without a password", id="encrypted"),
        pytest.param(MediaType.PDF, pdf([lines()]), DocumentEmpty, "OCR", id="scanned"),
        pytest.param(MediaType.PLAIN, b" ", DocumentEmpty, "whitespace", id="empty"),
        pytest.param(MediaType.PDF, bytes((10 << 20) + 1), DocumentTooLarge, "10485760", id="bytes"),
        pytest.param(MediaType.PDF, pdf([lines("x")] * 11), DocumentTooLarge, "11 pages", id="pages"),
        pytest.param(MediaType.PDF, pdf([flate_bomb(70 << 20)]), DocumentTooCostly, "128 MiB", id="bomb: memory"),
        pytest.param(MediaType.PDF, pdf([flate_bomb(1 << 29, 2)]), DocumentTooCostly, "128 MiB", id="bomb in a bomb"),
        pytest.param(MediaType.HTML, b"<i>a</i>" * 1_200_000, DocumentTooCostly, "128 MiB", id="elements: memory"),
        pytest.param(MediaType.HTML, b"<div>" * 400_000, DocumentTooCostly, "nested too deeply", id="nesting"),
    ],
)
def test_a_refused_document_costs_only_itself(
    read: Read, media_type: MediaType, data: bytes, error: type[DocumentRefused], said: str
) -> None:
    with pytest.raises(error, match=said) as caught:
        read(media_type, data)
    assert [field.pointer for field in caught.value.errors] == ["/document/data_base64"]
    assert read(MediaType.PDF, TWO).request.source == "One page.\n\nPage two."


def test_the_text_comes_back_where_it_is_wanted() -> None:
    async def work(reader: DocumentReader) -> None:
        found = await reader.read(request(MediaType.PDF, TWO, wants_text=True))
        assert found.document_text == found.request.source == "One page.\n\nPage two."

    with_reader(work)


def test_a_document_that_takes_too_long_is_stopped() -> None:
    async def work(reader: DocumentReader) -> None:
        with pytest.raises(DocumentTooCostly, match="more than 1 s"):
            await reader.read(request(MediaType.PDF, slow_pdf()))
        assert await asyncio.to_thread(wait_until, lambda: not children(reader.pid), 10)

    with_reader(work, DocumentLimits(timeout_s=1))


def test_a_cancelled_request_stops_its_parser_and_frees_its_place() -> None:
    async def work(reader: DocumentReader) -> None:
        slow = asyncio.create_task(reader.read(request(MediaType.PDF, slow_pdf())))
        assert await asyncio.to_thread(wait_until, lambda: children(reader.pid))
        with pytest.raises(DocumentsBusy, match="No parser became free"):
            await reader.read(request(MediaType.PDF, TWO))
        slow.cancel()
        await asyncio.wait([slow])
        assert await asyncio.to_thread(wait_until, lambda: not children(reader.pid), 10)
        assert (await reader.read(request(MediaType.PDF, TWO))).request.source

    with_reader(work, DocumentLimits(parallel=1, max_queue=0))


def test_a_parser_that_dies_costs_its_document_only() -> None:
    async def work(reader: DocumentReader) -> None:
        slow = asyncio.create_task(reader.read(request(MediaType.PDF, slow_pdf())))
        assert await asyncio.to_thread(wait_until, lambda: children(reader.pid))
        server = reader.pid
        os.kill(children(server)[0], signal.SIGSEGV)
        with pytest.raises(DocumentInvalid, match="broke down"):
            await slow
        assert (await reader.read(request(MediaType.PDF, TWO))).request.source
        assert reader.pid == server

    with_reader(work)


def test_the_fork_server_is_replaced_when_it_dies_and_its_children_die_with_it() -> None:
    async def work(reader: DocumentReader) -> None:
        slow = asyncio.create_task(reader.read(request(MediaType.PDF, slow_pdf())))
        assert await asyncio.to_thread(wait_until, lambda: children(reader.pid))
        server, parsers = reader.pid, children(reader.pid)
        os.kill(server, signal.SIGKILL)
        assert await asyncio.to_thread(wait_until, lambda: not any(map(is_alive, parsers)), 10)
        assert await asyncio.to_thread(wait_until, lambda: reader.pid not in (0, server) and children(reader.pid))
        slow.cancel()
        await asyncio.wait([slow])
        os.kill(reader.pid, signal.SIGKILL)
        assert (await reader.read(request(MediaType.PDF, TWO))).request.source

    with_reader(work)


def test_closing_in_the_middle_of_a_document_leaves_nothing() -> None:
    async def work(reader: DocumentReader) -> None:
        slow = asyncio.create_task(reader.read(request(MediaType.PDF, slow_pdf())))
        assert await asyncio.to_thread(wait_until, lambda: children(reader.pid))
        slow.cancel()

    with_reader(work)


def environment(pid: int) -> str:
    return Path(f"/proc/{pid}/environ").read_text()


def test_no_key_of_the_environment_reaches_the_parsers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "hunter2")

    async def work(reader: DocumentReader) -> None:
        await reader.read(request(MediaType.PDF, TWO))
        assert "hunter2" not in environment(reader.pid)

    with_reader(work)


def test_many_at_once_start_one_process() -> None:
    async def work(reader: DocumentReader) -> None:
        found = await asyncio.gather(*(reader.read(request(MediaType.PDF, TWO)) for _ in range(20)))
        assert {one.request.source for one in found} == {"One page.\n\nPage two."}

    with_reader(work)


@pytest.mark.parametrize("package", ["pypdf", "lxml", "langchain_community"])
def test_without_the_packages_the_operator_is_told_which(tmp_path: Path, package: str) -> None:
    (tmp_path / f"{package}.py").write_text(f"raise ModuleNotFoundError('No module', name={package!r})")
    paths = os.pathsep.join((str(tmp_path), str(ROOT)))

    async def whole() -> None:
        reader = DocumentReader(LIMITS, {"PYTHONPATH": paths})
        for _ in range(2):
            with pytest.raises(DocumentsUnavailable, match=rf"{package} is not .* pip install 'copydesk\[documents\]'"):
                await reader.read(request(MediaType.PDF, TWO))
        assert (await reader.read(request(MediaType.PLAIN, b"plain"))).request.source == "plain"
        assert not reader.pid
        await reader.aclose()

    asyncio.run(whole())


def test_a_process_that_cannot_start_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "pypdf.py").write_text("import os; os._exit(3)")

    async def whole() -> None:
        reader = DocumentReader(LIMITS, {"PYTHONPATH": os.pathsep.join((str(tmp_path), str(ROOT)))})
        with pytest.raises(DocumentsBusy, match="could not be started"):
            await reader.read(request(MediaType.HTML, b"<p>x"))
        await reader.aclose()

    asyncio.run(whole())
