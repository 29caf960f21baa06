"""Starting what the backends need on this machine. Imports no LangChain, so that a model loads beside that import."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from app.settings import Settings

__all__ = ["with_started_backends"]


@contextmanager
def with_started_backends(settings: Settings) -> Iterator[Settings]:
    """Start what the backends need on this machine; yield the settings by which any process reaches it.

    Raises ConfigurationError or BackendError where something cannot be started; what was started is stopped.
    """
    with ExitStack() as stack:
        backends = {name: stack.enter_context(backend.started(name)) for name, backend in settings.backends.items()}
        yield settings.model_copy(update={"backends": backends})
