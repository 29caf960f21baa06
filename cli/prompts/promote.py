"""`copydesk prompts promote` and `rollback`: what a label serves."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chains.prompts.labels import PRODUCTION
from cli.options import ConfigFile
from cli.prompts.inputs import PromptName, PromptOrVersion, one_version
from cli.prompts.options import AsJson, PromptDir, dir_option, own_folder_of, print_json
from cli.prompts.refusal import refusals

if TYPE_CHECKING:
    from chains.prompts.labels import Target
    from chains.prompts.lifecycle.evidence_check import Current
    from chains.prompts.lifecycle.promoting import Promoted
    from chains.prompts.lifecycle.rollback import RolledBack

__all__ = ["promote", "rollback"]

Label = Annotated[str, typer.Option("--label", "-l", help="The label: production, canary or any other.")]


def promote(
    name: PromptOrVersion,
    version: Annotated[str | None, typer.Argument(help="A released version.", metavar="VERSION")] = None,
    label: Label = PRODUCTION,
    percent: Annotated[
        float | None, typer.Option("--percent", help="The canary's share of production's requests.", metavar="N")
    ] = None,
    initial: Annotated[
        bool, typer.Option("--initial", help="Without evidence, where the label serves nothing yet.")
    ] = False,
    accept_inconclusive: Annotated[
        str | None,
        typer.Option("--accept-inconclusive", help="Why an inconclusive evaluation is enough.", metavar="REASON"),
    ] = None,
    force: Annotated[
        str | None, typer.Option("--force", help="Why it is promoted against its evidence.", metavar="REASON")
    ] = None,
    config: ConfigFile = None,
    datasets: Annotated[
        Path | None,
        typer.Option("--datasets", help="The folder of the datasets; else ./eval/datasets.", metavar="DIR"),
    ] = None,
    dir: PromptDir = None,
    as_json: AsJson = False,
) -> None:
    """Let a label serve a released version.

    Its evidence must say that it is no worse than what production serves, and be about this text, the model of the
    prompt's route and the dataset as they are now. What was promoted, when and why is added to the version's record;
    labels.yaml and the record are for git.

    Example: copydesk prompts promote summarize 1.1.0 -l canary --percent 5
    """
    from chains.prompts.lifecycle.promoting import Request
    from chains.prompts.lifecycle.promoting import promote as promote_version
    from chains.tasks import load_tasks

    name, version = one_version(name, version)
    request = Request(name, version, label, percent, initial, accept_inconclusive, force)
    folder = own_folder_of(dir, config)
    with refusals(as_json):
        done = promote_version(folder, request, load_tasks(), lambda: _current(name, config, datasets))
    if as_json:
        print_json(_promoted(done))
    else:
        print("\n".join([*_promotion_lines(done), *_written(folder, name, version), _undo(done, dir)]))


def rollback(
    name: PromptName,
    label: Label = PRODUCTION,
    reason: Annotated[
        str | None, typer.Option("--reason", help="Why; it is kept with the promotion.", metavar="REASON")
    ] = None,
    dir: PromptDir = None,
    as_json: AsJson = False,
) -> None:
    """Let a label serve what it served before.

    That is what stood there before its last promotion; another rollback goes one promotion further back. A label
    that served nothing before is removed, but production never. Broken files of other prompts don't stand in the
    way. labels.yaml and the record are for git.

    Example: copydesk prompts rollback summarize --reason "it invents dates"
    """
    from chains.prompts.lifecycle.rollback import rollback as roll_back
    from chains.tasks import load_tasks

    folder = own_folder_of(dir)
    with refusals(as_json):
        done = roll_back(folder, name, load_tasks(), label, reason)
    if as_json:
        print_json(_rolled_back(done))
    else:
        print("\n".join([*_rollback_lines(done, dir), *_written(folder, name, done.before.version)]))


def _current(name: str, config: Path | None, datasets: Path | None) -> "Current":
    """The model of the prompt's route and its dataset. Raises ConfigurationError."""
    import eval as evaluation
    from app.settings import load_settings
    from chains.errors import ConfigurationError
    from chains.prompts.lifecycle.evidence_check import Current
    from eval.datasets import dataset_digest

    settings = load_settings(config)
    routes = settings.route()
    backend = routes.get(name, routes["default"])[0]
    if backend not in settings.backends:
        raise ConfigurationError(f"routes: there is no backend {backend!r}")
    try:
        model = settings.backends[backend].identity()
    except NotImplementedError:
        kind = settings.backends[backend].kind
        raise ConfigurationError(f"a backend of the kind {kind} can't tell which model it has") from None
    places = (Path("eval/datasets"), Path(evaluation.__file__).parent / "datasets")
    folder = datasets or next((place for place in places if place.is_dir()), places[0])
    return Current(model.kind, model.model, model.digest, dataset_digest(folder / name))


def _target(target: "Target | None") -> dict[str, Any] | None:
    if target is None:
        return None
    return {"version": target.version} | ({} if target.percent is None else {"percent": target.percent})


def _said(target: "Target | None") -> str:
    if target is None:
        return "nothing"
    return target.version if target.percent is None else f"{target.version} with {target.percent:g} %"


def _promoted(done: "Promoted") -> dict[str, Any]:
    promotion = done.promotion.model_dump(mode="json", exclude={"previous", "previous_percent"}, exclude_defaults=True)
    return {
        "name": done.prompt.name,
        "version": done.prompt.version,
        "digest": done.prompt.digest,
        **promotion,
        "previous": _target(done.previous),
        "removed_canary": _target(done.removed_canary),
    }


def _promotion_lines(done: "Promoted") -> list[str]:
    name, promotion = done.prompt.name, done.promotion
    share = "" if promotion.percent is None else f" with {promotion.percent:g} %"
    lines = [f"{name}.{promotion.label} serves {done.prompt.version}{share}; it served {_said(done.previous)} before."]
    basis = promotion.basis.value.replace("_", " ")
    lines.append(f"Basis: {basis}{f', because: {promotion.reason}' if promotion.reason else ''}")
    lines += [f"  overruled: {overruled}" for overruled in promotion.overruled]
    if promotion.percent is not None:
        lines.append("The share is of conversations: all requests of a key that names no session are one.")
    if done.removed_canary:
        lines.append(f"The canary, which had {_said(done.removed_canary)}, is removed: production serves its version.")
    return lines


def _written(folder: Path, name: str, version: str) -> list[str]:
    from chains.prompts.labels import LABELS
    from chains.prompts.lifecycle.evidence import evidence_path

    return [f"Written: {folder / LABELS}, {evidence_path(folder, name, version)}"]


def _undo(done: "Promoted", dir: Path | None) -> str:
    label = done.promotion.label
    option = "" if label == PRODUCTION else f" --label {label}"
    return f"To undo it: copydesk prompts rollback {done.prompt.name}{option}{dir_option(dir)}"


def _rolled_back(done: "RolledBack") -> dict[str, Any]:
    return {
        "name": done.name,
        "label": done.label,
        "before": _target(done.before),
        "after": _target(done.after),
        "canary": _target(done.canary),
        "broken": [str(error) for error in done.broken],
    }


def _rollback_lines(done: "RolledBack", dir: Path | None) -> list[str]:
    broken = [f"  {error}" for error in done.broken]
    if broken:
        broken.insert(0, "Other files are broken. A running service keeps its last good set until they are mended:")
    if done.after is None:
        earlier = "nothing before that"
        if done.in_production is not None:
            earlier = f"{_said(done.in_production)} before that, which production serves now"
        removed = f"{done.name}.{done.label} is removed; it served {_said(done.before)}, and {earlier}."
        return [removed, *broken]
    lines = [f"{done.name}.{done.label} serves {_said(done.after)} again; it served {_said(done.before)}."]
    if done.canary_serves_what_production_does:
        lines.append(
            f"The canary serves {done.canary.version if done.canary else ''} too now; to end it: "
            f"copydesk prompts rollback {done.name} --label canary{dir_option(dir)}"
        )
    return [*lines, *broken]
