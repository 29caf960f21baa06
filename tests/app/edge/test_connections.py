"""Which connection goes for room, and which is over its time: on a clock of the test's own."""

from dataclasses import dataclass, field

import pytest

from app.edge.connections import Connections, Phase
from app.sections import ServerSettings


@dataclass(eq=False)
class Wire:
    """A connection that notes how it was ended, and stays until it leaves."""

    name: str = ""
    ends: list[str] = field(default_factory=list)

    def expire(self, phase: Phase) -> None:
        self.ends.append(f"expired in {phase.value}")

    def evict(self, phase: Phase) -> None:
        self.ends.append(f"evicted in {phase.value}")

    def abort(self) -> None:
        self.ends.append("aborted")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def connections(clock: Clock) -> Connections:
    return Connections(ServerSettings(max_connections=8, header_timeout_s=5, keep_alive_s=20, write_timeout_s=9), clock)


def filled(connections: Connections, *phases: Phase) -> list[Wire]:
    """As many as there may be: those in the phases, and others at work."""
    wires = [Wire(phase.value) for phase in phases] + [Wire("work") for _ in range(8 - len(phases))]
    for wire, phase in zip(wires, [*phases, *[Phase.WORK] * (8 - len(phases))], strict=True):
        assert connections.admit(wire)
        connections.enter(wire, phase)
    return wires


@pytest.mark.parametrize(
    ("phases", "later_s", "evicted"),
    [
        pytest.param(
            [Phase.BODY, Phase.STALLED, Phase.IDLE, Phase.HEADERS, Phase.DRAINING], 3, 4, id="who is answered"
        ),
        pytest.param([Phase.BODY, Phase.STALLED, Phase.IDLE, Phase.HEADERS], 3, 3, id="then who asks nothing"),
        pytest.param([Phase.BODY, Phase.STALLED, Phase.IDLE], 3, 2, id="then who is idle"),
        pytest.param([Phase.BODY, Phase.STALLED], 3, 1, id="then slow readers"),
        pytest.param([Phase.BODY], 3, 0, id="then slow senders"),
        pytest.param([Phase.HEADERS, Phase.HEADERS], 3, 0, id="of two the older"),
        pytest.param([Phase.HEADERS, Phase.IDLE], 0.6, 0, id="nobody between two requests"),
        pytest.param([Phase.HEADERS, Phase.BODY], 0.1, None, id="nobody that just came"),
        pytest.param([], 1000, None, id="nobody at work"),
    ],
)
def test_who_goes_for_room(
    connections: Connections, clock: Clock, phases: list[Phase], later_s: float, evicted: int | None
) -> None:
    wires = filled(connections, *phases)
    clock.now += later_s
    newcomer = Wire()
    assert connections.admit(newcomer) is (evicted is not None)
    for place, wire in enumerate(wires):
        assert wire.ends == ([f"evicted in {phases[place].value}"] if place == evicted else [])
    assert newcomer.ends == []


def test_many_more_than_there_may_be_lose_the_oldest_of_those_that_ask_nothing(connections: Connections) -> None:
    working = filled(connections)
    waiting = [Wire(str(number)) for number in range(90)]
    for wire in waiting:
        assert not connections.admit(wire)
    spare = 64 + 2
    assert [wire.ends for wire in waiting] == [["aborted"]] * (90 - spare) + [[]] * spare
    assert all(wire.ends == [] for wire in working)
    assert len(connections) == 8 + spare


def test_a_request_that_has_come_is_worth_more_than_one_that_may_come(connections: Connections) -> None:
    wires = filled(connections, Phase.HEADERS, Phase.BODY)
    newcomer = Wire()
    assert not connections.admit(newcomer)
    connections.enter(newcomer, Phase.WORK)
    assert connections.has_room()
    assert wires[0].ends == ["evicted in headers"]
    assert connections.has_room()
    connections.enter(Wire(), Phase.IDLE)  # what has left stays away
    assert len(connections) == 9


def test_nobody_is_ended_for_a_request_where_all_work(connections: Connections) -> None:
    wires = filled(connections, Phase.BODY)
    newcomer = Wire()
    assert not connections.admit(newcomer)
    connections.enter(newcomer, Phase.WORK)
    assert not connections.has_room()
    assert all(wire.ends == [] for wire in wires)
    connections.leave(wires[-1])
    assert connections.has_room()


def test_a_flood_never_ends_more_than_it_must(connections: Connections, clock: Clock) -> None:
    """A thousand that send nothing come and are ended; those that work and one that just came are not."""
    working = filled(connections, Phase.HEADERS, Phase.HEADERS)[2:]
    for _ in range(1000):
        clock.now += 0.6
        assert connections.admit(Wire())
    assert all(wire.ends == [] for wire in working)
    assert connections.counts()[Phase.HEADERS] == 2


@pytest.mark.parametrize(
    ("phase", "after_s"),
    [
        (Phase.HEADERS, 5.0),
        (Phase.IDLE, 20.0),
        (Phase.STALLED, 9.0),
        (Phase.DRAINING, 5.0),
        (Phase.BODY, None),  # the gate's
        (Phase.WORK, None),
    ],
)
def test_who_is_over_its_time(connections: Connections, clock: Clock, phase: Phase, after_s: float | None) -> None:
    wire = Wire()
    connections.admit(wire)
    connections.enter(wire, phase)
    clock.now += (after_s or 1e6) - 0.01
    connections.enter(wire, phase)  # a byte more is no new beginning
    connections.sweep()
    assert wire.ends == []
    clock.now += 0.02
    connections.sweep()
    connections.sweep()
    assert wire.ends == ([f"expired in {phase.value}"] if after_s else [])


def test_one_that_doesn_t_let_itself_be_closed_is_aborted_in_the_end(connections: Connections, clock: Clock) -> None:
    wire = Wire()
    connections.admit(wire)
    clock.now += 5
    connections.sweep()
    connections.enter(wire, Phase.IDLE)  # what is being closed stays so
    clock.now += 9
    connections.sweep()
    assert wire.ends == ["expired in headers", "expired in closing"]
    connections.leave(wire)
    assert len(connections) == 0
