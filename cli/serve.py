"""`copydesk serve`: the HTTP service."""

import gc
import logging
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.edge.open_files import allow_open_files
from app.settings import ServerSettings, Settings, load_settings
from app.starting import with_started_backends
from app.telemetry.logs import start_logging, warn_of_texts
from app.telemetry.secrets import secrets_of
from chains.errors import ConfigurationError, PromptSetError
from cli.options import ConfigFile

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from fastapi import FastAPI

    from app.edge.server import EdgeServer

__all__ = ["serve"]

_log = logging.getLogger("copydesk.serve")
WAIT_S = 5.0
UNSENT_BYTES = 128 << 10


def serve(
    config: ConfigFile = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; default 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; default 8080, 0 takes a free one.")] = None,
    workers: Annotated[int | None, typer.Option(help="Worker processes; default 1.")] = None,
) -> None:
    """Start the service. It stops on Ctrl-C or SIGTERM, after the requests in flight.

    Example: copydesk serve --port 9000 --workers 2
    """
    given = {"host": host, "port": port, "workers": workers}
    settings = load_settings(config, {"server": {key: value for key, value in given.items() if value is not None}})
    _start_logging(settings)
    warn_of_texts(settings.logging)
    # Another service's, which this one would write into: prometheus_client obeys it when it is imported.
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
    allow_open_files(settings.server)
    listener = _bind(settings.server)
    signal.signal(signal.SIGTERM, _leave)
    gc.disable()  # until all is built, which stays: the collector would search it again and again
    with ThreadPoolExecutor(1) as pool:
        # Importing LangChain and checking the prompts takes as long as loading the model: do both at once.
        checked = pool.submit(_check, settings)
        # Ctrl-C is the way to stop the service, not a failure.
        with suppress(KeyboardInterrupt), listener, with_started_backends(settings) as started:
            folder, app = checked.result()
            # A worker that begins later must not choose another folder because this one is gone for a moment.
            prompts = started.prompts.model_copy(update={"dir": folder})
            # Where nothing had to be started, it reaches its backends as it is.
            served = app if settings.server.workers == 1 and started.backends == settings.backends else None
            del app, checked
            if served is None:
                gc.collect()
            _run(started.model_copy(update={"prompts": prompts}), listener, served)


def _check(settings: Settings) -> tuple[Path, "FastAPI"]:
    """Find out here, and not in every worker, whether the prompts, routes, files and the database are good; the
    prompt folder and the application that was built to find out."""
    from app.composition import prompt_folder
    from app.keys import check_open
    from app.service import create_app
    from app.store.database import Database
    from app.store.upgrade import upgrade

    app = create_app(settings)
    database = Database(settings.database)
    upgrade(database)
    check_open(settings, database)
    database.close()
    return prompt_folder(settings.prompts), app


def _run(settings: Settings, listener: socket.socket, app: "FastAPI | None") -> None:
    from app.telemetry.exposition import FOLDER_VARIABLE

    host, port = listener.getsockname()[:2]
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    _log.info("serving on %s (try %s/docs; Ctrl-C stops)", address, address)
    if settings.server.workers == 1:
        _serve(settings, listener, app=app)
        return
    from cli.workers import Workers

    with tempfile.TemporaryDirectory(prefix="copydesk-metrics-") as folder:
        # Only for the workers, which read it when they begin: this process counts nothing.
        os.environ[FOLDER_VARIABLE] = folder
        work = partial(_serve, settings)
        gc.enable()
        status = Workers(work, listener, settings.server.workers, settings.server.shutdown_grace_s).run()
    sys.exit(status)


def _serve(
    settings: Settings, listener: socket.socket, line: "Connection | None" = None, app: "FastAPI | None" = None
) -> None:
    """Serve until told to stop: by a signal, or on the line to the parent of several workers. The application is built
    where none is given."""
    import uvicorn

    from app.edge.protocol import EdgeProtocol
    from app.edge.server import EdgeServer

    # h11 and not httptools: the JDK's HttpClient asks for an upgrade to HTTP/2 with its first POST, and
    # httptools then drops the body.
    options = uvicorn.Config(
        partial(_application, settings, app),
        factory=True,
        http=EdgeProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=settings.server.shutdown_grace_s,
    )
    server = EdgeServer(options, is_relayed=line is not None)
    if line is not None:
        threading.Thread(target=_obey, args=(line, server), daemon=True).start()
    server.run(sockets=[listener])
    if server.forced_by:
        sys.exit(128 + server.forced_by)


def _obey(line: "Connection", server: "EdgeServer") -> None:
    """What the parent says. Without it nothing holds the port, the model or the other workers: then this one ends."""
    while True:
        try:
            word = line.recv()
            if word == "ping":
                line.send(server.started)
        except (EOFError, OSError):
            server.should_exit = True
            return
        if word == "now":
            server.force(signal.SIGTERM)
        elif word == "stop":
            server.should_exit = True


def _application(settings: Settings, app: "FastAPI | None") -> "FastAPI":
    """The application in the process that serves it: the given one, or a new one."""
    gc.disable()
    app = app or _build(settings)
    # What stays for good is no garbage: to search all of it stopped every request for 0.1 to 0.2 s, 13 times a minute.
    # Nor is it searched once: of 0.8 MiB that would be found, 0.12 s of every start are no price.
    gc.freeze()
    gc.enable()
    return app


def _build(settings: Settings) -> "FastAPI":
    """Prompts that were good a moment ago are being edited: a worker that begins meanwhile waits for WAIT_S, while
    others serve; then it ends, and the next one takes its place."""
    _start_logging(settings)
    from app.service import create_app

    ends = time.monotonic() + WAIT_S
    while True:
        try:
            return create_app(settings)
        except (ConfigurationError, PromptSetError) as error:
            if time.monotonic() > ends:
                _log.error("this worker cannot begin: %s", error)
                sys.exit(1)
            time.sleep(0.2)


def _bind(server: ServerSettings) -> socket.socket:
    """Take the port before anything slow is done. Raises ConfigurationError where it can't be had."""
    host, port = server.host, server.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if server.reuse_port:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if sys.platform == "linux":
            # Of a response that nobody reads the kernel keeps so much, and not megabytes; connections inherit it.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
        listener.bind((host.strip("[]"), port))
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"server.port: cannot listen on {host} port {port}: {error.strerror or error}. "
            "Stop what listens there, or choose another port with --port."
        ) from error
    listener.set_inheritable(True)
    return listener


def _start_logging(settings: Settings) -> None:
    start_logging(settings.logging, secrets_of(settings))


def _leave(*_: Any) -> None:
    """SIGTERM ends the process by the way of all cleanup; uvicorn raises it again once its requests are done."""
    sys.exit(0)
