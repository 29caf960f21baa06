"""What changed between the input and output schemas of two versions, and whether it breaks a caller."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from chains.prompts.comparison.bump import Bump, Change
from chains.prompts.comparison.compatibility import ANNOTATIONS, REQUIRED, find_narrowings
from chains.prompts.version import PromptVersion

__all__ = ["input_changes", "output_changes"]

_MISSING = object()


def input_changes(before: PromptVersion, after: PromptVersion) -> Iterator[Change]:
    """MAJOR where inputs that the old version takes are refused by the new one, MINOR where it takes more."""
    for name, schema in before.inputs.items():
        place = f"inputs.{name}"
        if name in after.inputs:
            yield from _taken_changes(schema, after.inputs[name], place, before.version)
            yield from _default_changes(schema, after.inputs[name], place)
        else:
            heir = _heir(name, before, after)
            renamed = f"; the new {heir!r} takes the same, but callers don't send it" if heir else ""
            yield Change(Bump.MAJOR, place, f"the input is gone{renamed}")
    for name, schema in after.inputs.items():
        if name not in before.inputs:
            required = "default" not in schema
            message = "a new input that callers must send" if required else "a new input with a default"
            yield Change(Bump.MAJOR if required else Bump.MINOR, f"inputs.{name}", message)


def output_changes(before: PromptVersion, after: PromptVersion) -> Iterator[Change]:
    """MAJOR where the new version may yield what readers of the old one don't know, MINOR where it yields less or
    has more properties."""
    old, new = before.output, after.output
    if old is None or new is None:
        if (old is None) is not (new is None):
            words = "a schema, where there was none" if old is None else "no schema any more"
            yield Change(Bump.MAJOR, "output", f"the answer has {words}")
        return
    changes = list(_read_changes(old, new, "output"))
    told = {change.place: change.bump for change in changes}
    changes += _yielded_changes(old, new, before.version, told)
    if not changes and _canonical(old) != _canonical(new):
        others = find_narrowings(old, new, "output") or find_narrowings(new, old, "output")
        words = "whether it may have properties beyond the declared ones has changed"
        changes = [Change(Bump.MINOR, others[0].place, words) if others else _rewritten(old, new, "output", "yields")]
    yield from changes


def _heir(name: str, before: PromptVersion, after: PromptVersion) -> str | None:
    """The one new input whose schema is that of the input which is gone."""
    schema = _canonical(before.inputs[name])
    heirs = [key for key in after.inputs if key not in before.inputs and _canonical(after.inputs[key]) == schema]
    return heirs[0] if len(heirs) == 1 else None


def _taken_changes(old: Mapping[str, Any], new: Mapping[str, Any], place: str, base: str) -> Iterator[Change]:
    if _canonical(_without(old, "default")) == _canonical(_without(new, "default")):
        return
    narrower = find_narrowings(old, new, place)
    wider = find_narrowings(new, old, place)
    yield from (Change(Bump.MAJOR, at, f"refuses what {base} takes: {reason}") for at, reason in narrower)
    yield from (Change(Bump.MINOR, at, f"takes more than {base} (there: {reason})") for at, reason in wider)
    if not narrower and not wider:
        yield _rewritten(_without(old, "default"), _without(new, "default"), place, "takes")


def _default_changes(old: Mapping[str, Any], new: Mapping[str, Any], place: str) -> Iterator[Change]:
    was, now = old.get("default", _MISSING), new.get("default", _MISSING)
    if was is now or (_MISSING not in (was, now) and _canonical(was) == _canonical(now)):
        return
    if now is _MISSING:
        yield Change(Bump.MAJOR, place, f"has no default any more (it was {_canonical(was)}): callers must send it")
    elif was is _MISSING:
        yield Change(Bump.MINOR, place, f"has a default now: {_canonical(now)}")
    else:
        yield Change(Bump.MINOR, place, f"its default is {_canonical(now)}, not {_canonical(was)}")


def _yielded_changes(
    old: Mapping[str, Any], new: Mapping[str, Any], base: str, told: Mapping[str, Bump]
) -> Iterator[Change]:
    """What other values the answer may have now; `told` are the places of which as much is said already."""
    for at, reason in find_narrowings(new, old, "output", closed=False):
        if told.get(at, Bump.NONE) < Bump.MAJOR or reason == REQUIRED:
            yield Change(Bump.MAJOR, at, f"may be what {base} never yields (there: {reason})")
    for at, reason in find_narrowings(old, new, "output", closed=False):
        if at not in told or reason == REQUIRED:
            yield Change(Bump.MINOR, at, f"is not all that {base} may yield: {reason}")


def _read_changes(old: Any, new: Any, place: str) -> Iterator[Change]:
    """Properties that came or went, and enums that changed, at any depth."""
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return
    if "enum" in old and "enum" in new:
        was, now = ({_canonical(value) for value in schema["enum"]} for schema in (old, new))
        if was != now:
            words = [f"has {', '.join(sorted(now - was))}" if now - was else ""]
            words.append(f"lacks {', '.join(sorted(was - now))}" if was - now else "")
            message = f"the enum {' and '.join(filter(None, words))}: clients with a closed enum break"
            yield Change(Bump.MAJOR, place, message)
    had, has = old.get("properties", {}), new.get("properties", {})
    for name in had:
        if name not in has:
            yield Change(Bump.MAJOR, f"{place}.{name}", "the property is gone")
        else:
            yield from _read_changes(had[name], has[name], f"{place}.{name}")
    for name in has.keys() - had.keys():
        yield Change(Bump.MINOR, f"{place}.{name}", "a new property")
    yield from _read_changes(old.get("items"), new.get("items"), f"{place}[]")
    yield from _read_changes(old.get("additionalProperties"), new.get("additionalProperties"), f"{place}.*")


def _rewritten(old: Any, new: Any, place: str, verb: str) -> Change:
    annotated = _canonical(_bare(old)) == _canonical(_bare(new))
    how = "only its annotations changed" if annotated else f"is written in another way, but {verb} the same"
    return Change(Bump.PATCH, place, how)


def _bare(schema: Any) -> Any:
    """A schema without its annotations, at every place where a schema stands."""
    if not isinstance(schema, Mapping):
        return schema
    bare = {key: value for key, value in schema.items() if key not in ANNOTATIONS}
    if isinstance(bare.get("properties"), Mapping):
        bare["properties"] = {name: _bare(part) for name, part in bare["properties"].items()}
    for key in ("items", "additionalProperties"):
        if key in bare:
            bare[key] = _bare(bare[key])
    return bare


def _without(schema: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if name != key}


def _canonical(value: Any) -> str:
    """As JSON with sorted keys: 1, 1.0 and true differ, as they do in a prompt."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=dict)
