"""From a request with a document to one with its text."""

import asyncio
import json
import logging
import signal
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from chains.documents.decoding import decoded
from chains.documents.errors import DocumentInvalid, DocumentsBusy, DocumentTooCostly, refused
from chains.documents.limits import DocumentLimits
from chains.documents.parser_process import ParserProcess
from chains.errors import BackendBusy
from chains.parsing.plain import plain_text
from chains.parsing.wire import LENGTHS, OUT_OF_MEMORY, Limits, Refusal, Words, frame
from chains.task import Document, MediaType, TaskInput, TextInput
from chains.terms import current_terms
from chains.traffic.admission import Admission

__all__ = ["DocumentReader", "ReadRequest"]

_log = logging.getLogger("copydesk.documents")

In = TypeVar("In", bound=TaskInput)

_AS_THEY_ARE = frozenset((MediaType.PLAIN, MediaType.MARKDOWN))
_LONGEST_HEAD = 1 << 16
_BYTES_OF_A_CHARACTER = 4
_OUT_OF_CPU = -signal.SIGXCPU
_KILLED = -signal.SIGKILL
_DYING_S = 0.1


@dataclass(frozen=True, slots=True)
class ReadRequest(Generic[In]):
    """A request whose document has become its text.

    `document_text` is that text where the request wants it back; `pages_without_text` is None where there are none.
    """

    request: In
    document_text: str | None = None
    pages_without_text: int | None = None


@dataclass(frozen=True, slots=True)
class _Ticket:
    """A document's place in the queue. How long one takes can't be known, so no deadline is held against it there."""

    caller: str
    rank: int
    kind: str
    begun: bool = False

    def deadline(self) -> float | None:
        return None


class DocumentReader:
    """Reads documents: HTML and PDF in a process that is started with the first one, each in a child of its own with
    `limits`. Use it within one event loop. `variables` are added to the process's environment."""

    def __init__(self, limits: DocumentLimits | None = None, variables: Mapping[str, str] | None = None) -> None:
        self.limits = limits = limits or DocumentLimits()
        cpu_s = max(1, round(limits.timeout_s))
        self._limits = Limits(limits.max_pages, limits.max_characters, limits.memory_mib, cpu_s)
        self._process = ParserProcess(self._limits, variables)
        self._admission = Admission("documents", limits.parallel, limits.max_queue, limits.queue_timeout_s)

    @property
    def pid(self) -> int:
        """The process of the parsers; 0 where none runs."""
        return self._process.pid

    async def read(self, request: In) -> ReadRequest[In]:
        """The request, with the text of its document where it brings one.

        Raises DocumentRefused where the document can't be read, DocumentsUnavailable and DocumentsBusy where none can.
        Cancelled, it stops the parser.
        """
        if not isinstance(request, TextInput) or request.document is None:
            return ReadRequest(request)
        words = await self._words(request.document)
        read = request.model_copy(update={"text": words.text, "document": None})
        wanted = words.text if request.include_document_text else None
        return ReadRequest(read, wanted, words.empty_pages or None)

    async def aclose(self) -> None:
        """End the parsers. Documents may be read again afterwards."""
        await self._process.aclose()

    async def _words(self, document: Document) -> Words:
        data = await asyncio.to_thread(decoded, document.data_base64, self.limits.max_bytes)
        try:
            if document.media_type in _AS_THEY_ARE:
                return await asyncio.to_thread(plain_text, data, self._limits)
            return await self._parsed(document.media_type, data)
        except Refusal as refusal:
            raise refused(refusal) from refusal

    async def _parsed(self, media_type: MediaType, data: bytes) -> Words:
        terms = current_terms()
        try:
            async with self._admission.slot(_Ticket(terms.caller, terms.rank, media_type.value)):
                return await self._by_a_child(media_type, data)
        except BackendBusy as error:
            message = f"No parser became free: {self.limits.parallel} read at once, and others wait."
            raise DocumentsBusy(message, error.retry_after_s) from error

    async def _by_a_child(self, media_type: MediaType, data: bytes) -> Words:
        """Raises Refusal. A fork server that died with the document's child is started anew, once."""
        document = frame({"media_type": media_type.value}, data)
        longest = _BYTES_OF_A_CHARACTER * self.limits.max_characters
        for is_last in (False, True):
            connection = await self._process.connect()
            try:
                async with asyncio.timeout(self.limits.timeout_s) as limit:
                    head, body = await _exchange(connection, document, longest)
            except TimeoutError:
                if not limit.expired():
                    raise
                raise DocumentTooCostly(self._too_slow()) from None
            if head or is_last or not await self._server_died():
                break
        if "refusal" in head:
            raise Refusal(head["refusal"], head["message"])
        if "pages" not in head:
            raise self._died(head.get("ended"))
        return Words(await asyncio.to_thread(body.decode), head["pages"], head["empty_pages"])

    async def _server_died(self) -> bool:
        await asyncio.sleep(_DYING_S)  # its connections end a moment before it does
        return not self._process.is_alive

    def _died(self, ended: int | None) -> Exception:
        _log.warning("documents: a parser ended without an answer (%s)", ended)
        if ended == _OUT_OF_CPU:
            return DocumentTooCostly(self._too_slow())
        if ended == OUT_OF_MEMORY:
            memory = self.limits.memory_mib
            return DocumentTooCostly(f"Reading the document takes more than {memory} MiB of memory. Send it in parts.")
        if ended == _KILLED:
            return DocumentTooCostly("Reading the document takes more memory than there is. Send it in parts.")
        if ended is None and not self._process.is_alive:
            return DocumentsBusy("The process that reads documents broke down.", 1)
        return DocumentInvalid("The parser broke down at the document. Save it anew, as another program writes it.")

    def _too_slow(self) -> str:
        return f"Reading the document takes more than {self.limits.timeout_s:g} s. Send it in parts."


async def _exchange(connection: socket.socket, document: bytes, longest: int) -> tuple[dict[str, Any], bytes]:
    """Send a document and receive the first frame that comes, with at most `longest` bytes of text.

    Its head is empty where the connection ends before, or where what comes is no such frame.
    """
    try:
        reader, writer = await asyncio.open_unix_connection(sock=connection)
    except BaseException:
        connection.close()
        raise
    try:
        with suppress(ConnectionError):  # a child that died may have been told of nevertheless
            writer.write(document)
            await writer.drain()
        head_size, size = LENGTHS.unpack(await reader.readexactly(LENGTHS.size))
        if head_size > _LONGEST_HEAD or size > longest:
            return {}, b""
        head: dict[str, Any] = json.loads(await reader.readexactly(head_size))
        return head, await reader.readexactly(size)
    except (asyncio.IncompleteReadError, ConnectionError):
        return {}, b""
    finally:
        writer.transport.abort()  # kills the child where it has not ended
