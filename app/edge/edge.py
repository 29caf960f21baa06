"""What stands between the network and the application, in one worker."""

import asyncio
from collections.abc import Callable

from app.edge.bodies import Bodies
from app.edge.connections import SWEEP_S, Connections
from app.sections import ServerSettings

__all__ = ["Edge"]


class Edge:
    """The connections, the bodies, and whether the service is being stopped.

    The application's lifespan hands it to the protocol (app/edge/protocol.py) and to the server (app/edge/server.py)
    under the name `edge`; the gate and the operations have it from the composition.
    """

    def __init__(self, server: ServerSettings, refused: Callable[[int, str], None] = lambda status, code: None) -> None:
        self.settings = server
        self.refused = refused
        """Told the status and the code of each refusal that no application has seen."""
        self.connections = Connections(server)
        self.bodies = Bodies(server.max_inflight_body_bytes)
        self.stopping = asyncio.Event()
        """Set as soon as the service is told to stop; requests in flight have `shutdown_grace_s` from then on."""

    async def run(self) -> None:
        """End what is overdue, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_S)
            self.connections.sweep()
