"""What a library says over and over is heard once a minute, and counted."""

import logging

from app.telemetry.repeated import OncePerMinute


def test_one_a_minute_from_each_place() -> None:
    now = 100.0
    once = OncePerMinute(lambda: now)
    heard: list[str] = []

    def say(line: int, words: str) -> None:
        record = logging.LogRecord("dbos", logging.WARNING, "queue.py", line, "%s", (words,), None)
        if once.filter(record):
            heard.append(record.getMessage())

    say(1, "a lost connection")
    say(1, "a lost connection, 100 %")
    say(2, "something else")
    now = 159.0
    say(1, "a lost connection")
    now = 160.0
    say(1, "a lost connection")
    say(1, "a lost connection")
    assert heard == ["a lost connection", "something else", "a lost connection (and 2 like it before)"]
