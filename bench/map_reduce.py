"""What it gains to read the parts of a long document at once: the whole request, one slot beside four.

Run `python bench/map_reduce.py`; it takes about a minute and calls no model. The scripted backend takes half a second
for every answer, whatever it is asked, so that the times say how the calls are arranged and nothing of a model.
"""

import asyncio
import time

from app.composition import build_runner
from app.settings import Settings
from chains.result import TaskResult
from chains.tasks.summarize import SummarizeRequest

ANSWER_S = 0.5
CONTEXT_WORDS = 2000
TURNS = 1500
SLOTS = (1, 2, 4, 8)
AIM = 0.3


def main() -> None:
    text = "".join(f"Speaker {turn % 3}: Topic number {turn} was discussed for a while.\n" for turn in range(TURNS))
    print(f"{len(text.split())} words, {CONTEXT_WORDS} words of context, {ANSWER_S:g} s an answer")
    print("| slots | chunks | calls | seconds | of one slot's |")
    print("| --- | --- | --- | --- | --- |")
    alone = 0.0
    for slots in SLOTS:
        result, seconds = asyncio.run(summarized(text, slots))
        alone = alone or seconds
        chunks, calls = result.output.coverage.chunks, result.usage.model_calls
        print(f"| {slots} | {chunks} | {calls} | {seconds:.2f} | {seconds / alone:.2f} |")
        if slots == 4 and seconds > AIM * alone:
            print(f"four slots take more than {AIM:g} of the time that one takes")


async def summarized(text: str, slots: int) -> tuple[TaskResult, float]:  # type: ignore[type-arg]
    """The result, and the wall time of the whole request."""
    backend = {
        "kind": "scripted",
        "answers": [{"answer": "They discussed a topic.", "delay_ms": int(ANSWER_S * 1000)}],
        "slots": slots,
        "concurrency": slots,
        "context_tokens": CONTEXT_WORDS,
    }
    settings = Settings.model_validate({"backends": {"script": backend}, "routes": {"default": ["script"]}})
    runner = build_runner(settings)
    try:
        start = time.perf_counter()
        request = SummarizeRequest(text=text, bypass_cache=True)
        result = await runner.run("summarize", request)
        return result, time.perf_counter() - start
    finally:
        await runner.aclose()


if __name__ == "__main__":
    main()
