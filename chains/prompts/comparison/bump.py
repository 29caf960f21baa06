"""How far a version number must move, by semantic versioning, and why."""

from dataclasses import dataclass
from enum import IntEnum

from semver import Version

__all__ = ["Bump", "Change", "bump_between", "smallest_version"]


class Bump(IntEnum):
    """The part of a version number that a change moves; a greater one includes the smaller ones."""

    NONE = 0
    PATCH = 1
    MINOR = 2
    MAJOR = 3


@dataclass(frozen=True, slots=True)
class Change:
    """What differs between two versions, in plain words, and the bump that it needs.

    `place` says where: `inputs.tone`, `model.temperature`, `case 'headline'`, `body`.
    """

    bump: Bump
    place: str
    message: str


def smallest_version(base: str, bump: Bump) -> str:
    """The smallest version that is this far from `base`: `1.3.0` for `1.2.3` and MINOR. A pre-release counts as its
    final version."""
    final = Version.parse(base).finalize_version()
    following = {Bump.MAJOR: final.bump_major, Bump.MINOR: final.bump_minor, Bump.PATCH: final.bump_patch}
    return str(following[bump]()) if bump in following else base


def bump_between(base: str, version: str) -> Bump:
    """What the step from `base` to `version` claims; NONE where it leads nowhere or back. A pre-release counts as
    its final version, so that `2.0.0-rc.1` claims what `2.0.0` does."""
    old, new = (Version.parse(text).finalize_version() for text in (base, version))
    if new <= old:
        return Bump.NONE
    if new.major != old.major:
        return Bump.MAJOR
    return Bump.MINOR if new.minor != old.minor else Bump.PATCH
