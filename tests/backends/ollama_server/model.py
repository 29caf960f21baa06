"""What answers behind the protocol: the real model through llama.cpp's own interface, or a canned answer."""

import asyncio
import json
import re
import zlib
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import aiohttp

__all__ = ["Canned", "LlamaCpp", "Model", "Piece"]

_FINISHED = {"eos": "stop", "word": "stop", "limit": "length"}
_PASSED_ON = ("temperature", "top_p", "top_k", "min_p", "frequency_penalty", "presence_penalty", "seed")
_ANY_JSON: dict[str, Any] = {"type": "object"}


@dataclass(frozen=True, slots=True)
class Piece:
    """One token of an answer, or its end where `reason` is set."""

    text: str = ""
    logprobs: Sequence[dict[str, Any]] = ()
    reason: str = ""
    cached: int = 0


class Model(Protocol):
    """`context` is what the model was trained for, `control` the ids of its control tokens."""

    context: int
    control: frozenset[int]

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def render(self, messages: Sequence[Mapping[str, Any]]) -> str:
        """The chat template filled in, contents and control strings as one text."""

    async def tokenize(self, text: str) -> list[int]:
        """Control strings become control tokens, wherever they come from: so does Ollama."""

    def complete(self, tokens: list[int], options: Mapping[str, Any]) -> AsyncGenerator[Piece, None]:
        """The answer. `options` are Ollama's, with `format`, `logprobs` and `top_logprobs` of the request."""


@dataclass
class LlamaCpp:
    """The embedded model's process (chains/backends/embedded/server.py) behind its Unix socket."""

    socket: Path
    context: int = 0
    control: frozenset[int] = frozenset(range(17))  # SmolLM2's are the first of its vocabulary
    _http: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        connector = aiohttp.UnixConnector(path=str(self.socket), limit=0, force_close=True)
        self._http = aiohttp.ClientSession(
            base_url="http://model", connector=connector, timeout=aiohttp.ClientTimeout(None)
        )
        async with self._http.get("/props") as response:
            self.context = (await response.json())["default_generation_settings"]["n_ctx"]

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()

    async def render(self, messages: Sequence[Mapping[str, Any]]) -> str:
        return str((await self._ask("/apply-template", {"messages": list(messages)}))["prompt"])

    async def tokenize(self, text: str) -> list[int]:
        body = {"content": text, "parse_special": True, "add_special": False}
        tokens: list[int] = (await self._ask("/tokenize", body))["tokens"]
        return tokens

    async def complete(self, tokens: list[int], options: Mapping[str, Any]) -> AsyncGenerator[Piece, None]:
        assert self._http is not None
        async with self._http.post("/completion", json={"prompt": tokens, **_completion(options)}) as response:
            if response.status != 200:
                raise RuntimeError(await response.text())
            async for line in response.content:
                if line.startswith(b"error: "):
                    raise RuntimeError(line.decode())
                if not line.startswith(b"data: "):
                    continue
                event = json.loads(line[6:])
                if event["content"]:
                    yield Piece(event["content"], [_token(one) for one in event.get("completion_probabilities", ())])
                if event["stop"]:
                    yield Piece(reason=_FINISHED[event["stop_type"]], cached=event["timings"]["cache_n"])
                    return

    async def _ask(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        assert self._http is not None
        async with self._http.post(path, json=body) as response:
            answer: dict[str, Any] = await response.json()
        return answer


def _completion(options: Mapping[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {name: options[name] for name in _PASSED_ON if name in options}
    body |= {"n_predict": options.get("num_predict", -1), "stop": _stops(options)}
    if options.get("format"):
        body["json_schema"] = _ANY_JSON if options["format"] == "json" else options["format"]
    if options.get("logprobs"):
        body["n_probs"] = max(options.get("top_logprobs") or 0, 1)
    return {**body, "stream": True, "return_progress": True, "cache_prompt": True}


def _token(one: Mapping[str, Any]) -> dict[str, Any]:
    names = ("token", "logprob", "bytes")
    tops = [{name: other[name] for name in names} for other in one["top_logprobs"]]
    return {**{name: one[name] for name in names}, "top_logprobs": tops}


def _stops(options: Mapping[str, Any]) -> list[str]:
    stop = options.get("stop") or []
    return [stop] if isinstance(stop, str) else list(stop)


@dataclass
class Canned:
    """Fixed tokens, `first_s` seconds before the first and `each_s` before every other; `answer` may also choose by
    the prompt. A prompt's tokens are its control strings, its words and its white space."""

    answer: Sequence[str] | Callable[[str], Sequence[str]] = ("Hello", " there", ".")
    first_s: float = 0.0
    each_s: float = 0.0
    context: int = 4096
    control: frozenset[int] = frozenset({1, 2})
    _texts: dict[int, str] = field(default_factory=dict)

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def render(self, messages: Sequence[Mapping[str, Any]]) -> str:
        turns = (f"<|im_start|>{message['role']}\n{message['content']}<|im_end|>\n" for message in messages)
        return "".join(turns) + "<|im_start|>assistant\n"

    async def tokenize(self, text: str) -> list[int]:
        found = re.findall(r"<\|im_start\|>|<\|im_end\|>|\s?\w+|\s|[^\w\s]", text)
        known = {"<|im_start|>": 1, "<|im_end|>": 2}
        tokens = [known.get(piece, 100 + zlib.crc32(piece.encode())) for piece in found]
        self._texts.update(zip(tokens, found, strict=True))
        return tokens

    async def complete(self, tokens: list[int], options: Mapping[str, Any]) -> AsyncGenerator[Piece, None]:
        prompt = "".join(self._texts[token] for token in tokens)
        answer = list(self.answer(prompt) if callable(self.answer) else self.answer)
        cap, told = options.get("num_predict", -1), ""
        for position, text in enumerate(answer):
            if position == cap:
                yield Piece(reason="length")
                return
            await asyncio.sleep(self.each_s if position else self.first_s)
            stopped = [before for stop in _stops(options) if (before := (told + text).partition(stop))[1]]
            if stopped:
                yield Piece(min(found[0] for found in stopped)[len(told) :])
                break
            told += text
            yield Piece(text, _canned_logprobs(text, options))
        yield Piece(reason="stop")


def _canned_logprobs(text: str, options: Mapping[str, Any]) -> list[dict[str, Any]]:
    if not options.get("logprobs"):
        return []
    tops = [(text, -0.1), *((f"other {rank}", -2.0 - rank) for rank in range(1, 20))]
    shown = [{"token": token, "logprob": value} for token, value in tops[: options.get("top_logprobs") or 0]]
    return [{"token": text, "logprob": -0.1, "bytes": list(text.encode()), "top_logprobs": shown}]
