"""Watching a prompt folder: what is a change, what is read again, and what happens without notifications."""

import asyncio
import logging
import os
import resource
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from chains.errors import PromptSetError
from chains.prompts.watch import changes, fingerprint, read_settled


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "prompts"
    for name in ("demo/1.0.0.j2", "partials/a.j2", "schemas/s.json", "labels.yaml", "prompts.lock", "evidence/e.json"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("text")
    return folder


def rewrite(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text("tex2")


def keep_times(folder: Path) -> None:
    """The same size, and the time of change set back, as rsync and cp -p do."""
    path = folder / "labels.yaml"
    times = path.stat()
    path.write_text("tex2")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def replace(folder: Path) -> None:
    (folder / ".new").write_text("text")
    (folder / ".new").replace(folder / "labels.yaml")


def move_away(folder: Path) -> None:
    folder.rename(folder.with_name("away"))


def link_round(folder: Path) -> None:
    (folder / "demo" / "loop").symlink_to(folder)


@pytest.mark.parametrize(
    ("edit", "counts"),
    [
        pytest.param(rewrite("demo/1.0.0.j2"), True, id="template"),
        pytest.param(rewrite("demo/few_shot.yaml"), True, id="new file"),
        pytest.param(rewrite("partials/a.j2"), True, id="partial"),
        pytest.param(rewrite("schemas/s.json"), True, id="schema"),
        pytest.param(rewrite("prompts.lock"), True, id="lock"),
        pytest.param(lambda folder: (folder / "labels.yaml").unlink(), True, id="deleted"),
        pytest.param(keep_times, True, id="same size and time"),
        pytest.param(replace, True, id="replaced by the same"),
        pytest.param(move_away, True, id="no folder"),
        pytest.param(link_round, True, id="a link that leads round"),
        pytest.param(lambda folder: None, False, id="nothing"),
        pytest.param(lambda folder: (folder / "labels.yaml").read_text(), False, id="read"),
        pytest.param(rewrite("evidence/e.json"), False, id="evidence"),
        pytest.param(rewrite("demo/.1.0.0.j2.swp"), False, id="vim's swap file"),
        pytest.param(rewrite("demo/1.0.0.j2~"), False, id="backup"),
        pytest.param(lambda folder: (folder / "demo" / ".#1.0.0.j2").symlink_to("me"), False, id="Emacs' lock"),
    ],
)
def test_what_is_a_change(folder: Path, edit: Callable[[Path], object], counts: bool) -> None:
    before = fingerprint(folder)
    edit(folder)
    assert (fingerprint(folder) != before) is counts


def test_a_link_that_is_switched_and_back_is_a_change(folder: Path) -> None:
    link = folder.with_name("link")
    link.symlink_to(folder)
    before = fingerprint(link)
    link.unlink()
    link.symlink_to(folder)
    assert fingerprint(link).root == before.root
    assert fingerprint(link) != before


class Reading:
    """Reads the labels and, the first `times` times, has them edited meanwhile."""

    def __init__(self, folder: Path, times: int, *, fails: bool = False) -> None:
        self.path = folder / "labels.yaml"
        self.times = times
        self.fails = fails
        self.count = 0

    def __call__(self) -> str:
        self.count += 1
        text = self.path.read_text()
        if self.count <= self.times:
            self.path.write_text(f"edit {self.count}")
            if self.fails:
                raise ValueError("half of it")
        return text


@pytest.mark.parametrize("fails", [False, True], ids=["reads", "fails"])
@pytest.mark.parametrize("times", [0, 1, 3])
def test_a_tree_that_changes_while_it_is_read_is_read_again(folder: Path, times: int, fails: bool) -> None:
    reading = Reading(folder, times, fails=fails)
    assert read_settled(folder, reading) == (f"edit {times}" if times else "text")
    assert reading.count == times + 1


def test_a_failure_on_a_tree_that_stands_still_is_raised(folder: Path) -> None:
    def fail() -> None:
        raise OSError("no disk")

    with pytest.raises(OSError, match="no disk"):
        read_settled(folder, fail)


def test_a_tree_that_never_stands_still_is_refused(folder: Path) -> None:
    with pytest.raises(PromptSetError, match="changes faster than it can be read"):
        read_settled(folder, Reading(folder, 99))


Seen = Callable[..., Awaitable[None]]


@asynccontextmanager
async def watching(folder: Path) -> AsyncIterator[Seen]:
    """Gives a function that makes an edit and checks how often it is told of."""
    told: asyncio.Queue[None] = asyncio.Queue()

    async def watch() -> None:
        async for _ in changes(folder):
            told.put_nowait(None)

    async def seen(edit: Callable[[], object], *, times: int = 1) -> None:
        edit()
        for _ in range(times):
            await asyncio.wait_for(told.get(), 5)
        await asyncio.sleep(0.7)
        assert told.empty()

    task = asyncio.create_task(watch())
    await seen(lambda: "nothing: the state at the beginning is told")
    try:
        yield seen
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_edits_are_told_once_also_where_the_folder_is_another_one(folder: Path) -> None:
    async def scene() -> None:
        other = folder.with_name("other")
        async with watching(folder) as seen:
            await seen(lambda: rewrite("labels.yaml")(folder))
            await seen(lambda: rewrite("evidence/x.json")(folder), times=0)
            await seen(lambda: folder.rename(other))
            await seen(lambda: folder.symlink_to(other))
            await seen(lambda: (other / "labels.yaml").write_text("again"))

    asyncio.run(scene())


@contextmanager
def few_files() -> Iterator[None]:
    """So few free file descriptors that no notification can be had."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(64)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(held) + 1, hard))
    try:
        for descriptor in held[:2]:
            os.close(descriptor)
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in held[2:]:
            os.close(descriptor)


def test_without_notifications_it_looks(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        await asyncio.to_thread(int)  # the thread's own descriptors are had before they become few
        with few_files():
            async with watching(folder) as seen:
                await seen(lambda: rewrite("labels.yaml")(folder))

    with caplog.at_level(logging.WARNING):
        asyncio.run(scene())
    assert [record.getMessage()[:27] for record in caplog.records] == ["no notifications of edits ("]
