"""HTML as a reader sees it, after the rules of `innerText` (https://html.spec.whatwg.org/#the-innertext-idl-attribute).

LangChain's interface over lxml, and not langchain-community's BS4HTMLParser: that one glues table cells together or
takes words apart at every tag, shows what is hidden, and guesses character sets: docs/adr/0012-documents.md.
"""

import re
from collections.abc import Iterator
from typing import Any

from langchain_core.document_loaders import BaseBlobParser
from langchain_core.documents import Document
from langchain_core.documents.base import Blob
from lxml import etree

from chains.parsing.charsets import declared_charset, decoded, marked_charset
from chains.parsing.cleaning import clean
from chains.parsing.plain import too_many_characters
from chains.parsing.signatures import check_signature
from chains.parsing.wire import Limits, Refusal, RefusalKind, Words

__all__ = ["VisibleHtmlParser", "html_text"]


def _tags(names: str) -> frozenset[str]:
    return frozenset(names.split())


_UNSEEN = _tags(
    "head script style template noscript iframe object embed video audio canvas svg datalist title meta link "
    "noframes noembed applet param"
)
_PARAGRAPHS = _tags("p h1 h2 h3 h4 h5 h6 blockquote pre table ul ol dl hr figure")
_BLOCKS = _tags(
    "address article aside body caption center dd details dialog dir div dt fieldset figcaption footer form header "
    "hgroup html legend li listing main menu nav option optgroup search section select summary tbody tfoot thead tr xmp"
)
_CELLS = _tags("td th")
_KEEPS_SPACES = _tags("pre textarea listing xmp")
_HIDDEN_STYLE = re.compile(r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse))\b", re.IGNORECASE)
_SPACES = re.compile(r"[ \t\n\r\f]+")


class VisibleHtmlParser(BaseBlobParser):
    """A blob of HTML as one Document with the text that a browser shows before any style sheet or script."""

    def lazy_parse(self, blob: Blob) -> Iterator[Document]:
        """Raises Refusal."""
        yield Document(_Lines(_root(blob.as_bytes())).text(), metadata={"source": blob.source})


def html_text(data: bytes, limits: Limits) -> Words:
    """The text of an HTML document. Raises Refusal."""
    check_signature(data, "HTML")
    (document,) = VisibleHtmlParser().lazy_parse(Blob.from_data(data, mime_type="text/html"))
    text = document.page_content
    if len(text) > limits.max_characters:
        raise Refusal(RefusalKind.TOO_LARGE, too_many_characters(limits))
    if not text.strip():
        message = "The HTML shows no text; what scripts write is not run. Send the page as a browser shows it."
        raise Refusal(RefusalKind.EMPTY, message)
    return Words(text)


def _root(data: bytes) -> Any:
    """The tree. Raises Refusal and MemoryError where libxml2 stopped before the end."""
    marked = marked_charset(data)
    if marked is not None:
        text = decoded(data[marked[1] :], marked[0], "which its byte order mark names")
    else:
        declared = declared_charset(data)
        said_by = "which it declares" if declared else "which is taken where the HTML declares no charset"
        text = decoded(data, declared or "utf-8", said_by)
    if not text.strip():
        raise Refusal(RefusalKind.EMPTY, "The HTML is empty. Send one with some text.")
    parser = etree.HTMLParser(encoding="utf-8", huge_tree=True, no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(clean(text).encode(), parser)
    except etree.XMLSyntaxError as error:
        if error.code == etree.ErrorTypes.ERR_NO_MEMORY:
            raise MemoryError from error
        raise
    if any(entry.type == etree.ErrorTypes.ERR_RESOURCE_LIMIT for entry in parser.error_log):
        message = "The HTML is nested too deeply to be read to its end (2,048 elements). Simplify it."
        raise Refusal(RefusalKind.TOO_COSTLY, message)
    return root


class _Lines:
    """Collects the text of a tree line by line. `_breaks` are the line breaks that are due before the next text."""

    def __init__(self, root: Any) -> None:
        self._parts: list[str] = []
        self._breaks = 0
        self._has_space = True
        self._in_cell = 0
        self._in_pre = 0
        if root is not None:
            self._walk(root)

    def text(self) -> str:
        # Cleaned again: references such as &#1; become characters only in the tree.
        lines = (line.rstrip(" ") for line in clean("".join(self._parts)).split("\n"))
        return "\n".join(lines).strip("\n\t ")

    def _walk(self, root: Any) -> None:
        walk = etree.iterwalk(root, events=("start", "end"))
        hidden: Any = None
        for event, element in walk:
            if event == "start" and _is_hidden(element):
                hidden = element
                walk.skip_subtree()  # the next event is its end
            elif event == "start":
                self._open(element.tag)
                self._add(element.text)
            else:
                if element is not hidden:
                    self._close(element)
                if element is not root:
                    self._add(element.tail)

    def _open(self, tag: str) -> None:
        self._in_pre += tag in _KEEPS_SPACES
        if tag == "br":
            self._line_break()
        elif tag in _CELLS:
            self._in_cell += 1
        else:
            self._edge(tag)

    def _close(self, element: Any) -> None:
        tag = element.tag
        self._in_pre -= tag in _KEEPS_SPACES
        if tag in _CELLS:
            self._in_cell -= 1
            if self._in_cell:
                self._space()
            elif _has_next_cell(element):
                if self._parts and self._parts[-1] == " ":
                    self._parts.pop()
                self._put("\t")
        else:
            self._edge(tag)

    def _edge(self, tag: str) -> None:
        wanted = 2 if tag in _PARAGRAPHS else 1 if tag in _BLOCKS else 0
        if wanted and self._in_cell:  # a row of a table stays one line
            self._space()
        else:
            self._breaks = max(self._breaks, wanted)

    def _line_break(self) -> None:
        if self._in_cell:
            self._space()
        else:
            self._put("\n")

    def _space(self) -> None:
        if not self._has_space:
            self._parts.append(" ")
            self._has_space = True

    def _add(self, text: str | None) -> None:
        if not text:
            return
        if self._in_pre:
            self._put(text)
            return
        for position, word in enumerate(_SPACES.split(text)):
            if position and not self._breaks:
                self._space()
            if word:
                self._put(word)

    def _put(self, text: str) -> None:
        if self._breaks:
            if self._parts:
                self._parts.append("\n" * self._breaks)
            self._breaks = 0
        self._parts.append(text)
        self._has_space = text[-1] in " \n\t"


def _is_hidden(element: Any) -> bool:
    attributes = element.attrib
    if element.tag in _UNSEEN or "hidden" in attributes:
        return True
    if element.tag == "dialog" and "open" not in attributes:
        return True
    return bool(_HIDDEN_STYLE.search(attributes.get("style", "")))


def _has_next_cell(element: Any) -> bool:
    return any(sibling.tag in _CELLS for sibling in element.itersiblings())
