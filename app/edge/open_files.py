"""Connections are open files: the start sees to it that there may be as many as the configuration allows."""

import resource

from app.edge.connections import spare_connections
from app.sections import ServerSettings
from chains.errors import ConfigurationError

__all__ = ["allow_open_files"]

OTHERS = 256
"""For what isn't a caller's connection: backends, databases, prompts, and connections that are being closed."""


def allow_open_files(server: ServerSettings) -> None:
    """Raise this process' limit, which workers inherit. Raises ConfigurationError where the system's is too low."""
    needed = server.max_connections + 2 * spare_connections(server.max_connections) + OTHERS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise ConfigurationError(
            f"server.max_connections: {server.max_connections} need {needed} open files, and the system allows {hard}: "
            "raise that (ulimit -n; LimitNOFILE in a systemd unit), or lower max_connections"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
