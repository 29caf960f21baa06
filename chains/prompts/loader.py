"""From a template file and all that it refers to, to a prompt version; no error of the file hides another."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from chains.errors import PromptError, PromptRenderError
from chains.prompts.attachments import read_examples, read_output
from chains.prompts.error_list import ErrorList
from chains.prompts.front_matter import check_inputs, parse_front_matter
from chains.prompts.lock import file_digest
from chains.prompts.parameters import Example, FrontMatter
from chains.prompts.source import Source, check_within, read_source, read_text
from chains.prompts.templates import Templates
from chains.prompts.version import Ingredients, PromptVersion

__all__ = ["Loader"]


class Loader:
    """Loads template files of one prompt folder, after its partials."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._sources: dict[Path, tuple[Source, FrontMatter]] = {}
        self._templates = Templates(self._root)
        self._file_digests: dict[Path, str] = {}
        self._examples: dict[str, tuple[tuple[Example, ...], Path | None]] = {}

    def load_partials(self) -> list[PromptError]:
        """Read and check all partials; return what is wrong with them."""
        return self._templates.load_partials()

    def is_unchanged(self, prompt: PromptVersion, path: Path) -> bool:
        """Whether a version that was loaded before would be loaded as the same again; its helpers are not looked at.
        Raises PromptError where its file can't be read."""
        check_within(self._root, path)
        source, files = prompt.ingredients.source, prompt.ingredients.files
        if source.path != path or source.text != read_text(path):
            return False
        try:
            for name in files:
                check_within(self._root, self._root / name)
            return self._digests([self._root / name for name in files]) == files
        except (OSError, PromptError):
            return False

    def uses(self, path: Path, known: Mapping[str, Path], unreadable: Mapping[str, PromptError]) -> tuple[str, ...]:
        """The helper prompts that a template pins, before anything else of it is loaded. Raises PromptError;
        of prompts that are `unreadable`, the error that says so."""
        check_within(self._root, path)
        source = read_source(path)
        front = parse_front_matter(source)
        self._sources[path] = source, front
        uses = front.uses
        for alias, target in uses.items():
            wrong = unreadable.get(target.partition("@")[0])
            if wrong is not None:
                raise wrong
            if target not in known:
                hint = f"NAME@VERSION, one of {', '.join(known)}"
                line = source.key_lines.get("uses")
                raise PromptError(
                    f"uses.{alias}: there is no prompt {target!r}", path=path, line=line, hint=hint, rule="uses"
                )
        return tuple(uses.values())

    def load(self, path: Path, name: str, version: str, helpers: Mapping[str, PromptVersion]) -> PromptVersion:
        """Load one version, whose `uses` was asked for before. `helpers` maps `name@version` to versions that are
        loaded, those that it pins among them.

        Raises PromptError or, for several things that are wrong with it, PromptSetError.
        """
        source, front = self._sources.pop(path)
        errors, partials = ErrorList(), dict[str, str]()
        errors.catch(check_inputs, source, front.inputs)
        sections = [
            errors.catch(self._templates.compile, section, path, front.inputs, partials) for section in source.sections
        ]
        schema, text, schema_file = errors.catch(read_output, self._root, source, front.output) or (None, "", None)
        examples, examples_file = errors.catch(self._read_examples, source, front.examples) or ((), None)
        errors.check()
        files = [self._root / partial for partial in partials]
        files += [file for file in (schema_file, examples_file) if file is not None]
        uses = {alias: helpers[target] for alias, target in front.uses.items()}
        compiled = [section for section in sections if section is not None]
        prompt = PromptVersion(
            name=name,
            version=version,
            digest=_digest(source, front, partials, text, examples, uses),
            ingredients=Ingredients(
                source,
                MappingProxyType(partials),
                examples,
                MappingProxyType(self._digests(files)),
                frozenset().union(*(section.reads for section in compiled)),
            ),
            front_matter=front,
            output=schema,
            sections=compiled,
            uses=uses,
        )
        if examples:
            _add_examples(source, prompt, examples)
        return prompt

    def _read_examples(self, source: Source, name: str | None) -> tuple[tuple[Example, ...], Path | None]:
        """The examples of a file, which versions of a prompt share."""
        key = name or ""
        if key not in self._examples:
            self._examples[key] = read_examples(self._root, source, name)
        return self._examples[key]

    def _digests(self, files: Sequence[Path]) -> dict[str, str]:
        for file in files:
            if file not in self._file_digests:
                self._file_digests[file] = file_digest(file.read_bytes())
        return {file.relative_to(self._root).as_posix(): self._file_digests[file] for file in files}


def _add_examples(source: Source, prompt: PromptVersion, examples: Sequence[Example]) -> None:
    path, line = source.path, source.key_lines.get("examples")
    if sum(section.role == "user" for section in source.sections) != 1:
        raise PromptError("a prompt with examples has exactly one user section", path=path, line=line, rule="examples")
    for number, example in enumerate(examples, 1):
        wrong = prompt.validate(example.inputs)
        if wrong:
            message = f"example {number}: {wrong[0].pointer} {wrong[0].message}"
            raise PromptError(message, path=path, line=line, rule="examples")
    try:
        prompt.add_examples([(example.inputs, example.output) for example in examples])
    except PromptRenderError as error:
        message = f"an example cannot be rendered: {error.message}"
        raise PromptError(message, path=path, line=error.line, rule="examples") from error


def _digest(
    source: Source,
    front_matter: FrontMatter,
    partials: Mapping[str, str],
    schema: str,
    examples: Sequence[Example],
    uses: Mapping[str, PromptVersion],
) -> str:
    """SHA-256 over everything that shapes what the model reads, in a canonical form."""
    shape = {
        "front_matter": front_matter.model_dump(mode="json"),
        "body": source.body,
        "partials": partials,
        "schema": schema,
        "examples": [example.model_dump(mode="json") for example in examples],
        "uses": {alias: prompt.digest for alias, prompt in uses.items()},
    }
    canonical = json.dumps(shape, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()
