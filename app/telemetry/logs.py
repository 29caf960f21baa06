"""The log of the service: everything that any part of it says goes through one formatter to stderr."""

import logging
import sys
import threading
from types import TracebackType

from app.sections import LoggingSettings
from app.telemetry.bodies import MOST_BYTES
from app.telemetry.formats import JsonFormatter, TextFormatter
from app.telemetry.repeated import OncePerMinute
from app.telemetry.secrets import Secrets

__all__ = ["start_logging", "warn_of_texts"]

_log = logging.getLogger("copydesk.log")
# What uvicorn says of starting and stopping, and watchfiles of every edit, our own lines say better. Java's client asks
# to upgrade to HTTP/2 with its first request, which uvicorn.error finds worth a warning, and is answered well without.
_LEVELS = {
    "uvicorn": logging.WARNING,
    "uvicorn.error": logging.ERROR,
    "watchfiles": logging.WARNING,
    "alembic": logging.WARNING,
    "dbos": logging.WARNING,
    "opentelemetry": logging.WARNING,
}


def start_logging(settings: LoggingSettings, secrets: Secrets) -> None:
    """Send all records of this process, its warnings and what nobody caught to stderr, as the settings say."""
    is_json = settings.format == "json" or (settings.format == "auto" and not sys.stderr.isatty())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter((JsonFormatter if is_json else TextFormatter)(secrets, texts=settings.texts))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name, level in _LEVELS.items():
        logging.getLogger(name).setLevel(level)
    # DBOS writes to stderr by itself, unless it finds that somebody else has seen to that.
    dbos = logging.getLogger("dbos")
    dbos.handlers, dbos.propagate = [logging.NullHandler()], True
    dbos.filters = [OncePerMinute()]  # while its database is away it warns four times a second
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread
    sys.unraisablehook = _unraisable


def warn_of_texts(settings: LoggingSettings) -> None:
    """Say it loudly where texts are logged."""
    if settings.texts:
        _log.warning(
            "logging.texts is on: THE LOG HOLDS THE TEXTS OF CALLERS AND THE ANSWERS, the first %d bytes of each body, "
            "and error messages that quote them. Switch it off as soon as you have found what you look for.",
            MOST_BYTES,
        )


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if isinstance(error, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    _log.critical("nobody caught this", exc_info=error)


def _uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
        _log.critical("nobody caught this in a thread", exc_info=args.exc_value)


def _unraisable(unraisable: "sys.UnraisableHookArgs") -> None:
    _log.error("%s", unraisable.err_msg or "an exception was ignored", exc_info=unraisable.exc_value)
