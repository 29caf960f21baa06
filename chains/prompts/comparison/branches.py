"""Which branches of a prompt's templates its golden cases go through."""

from collections.abc import Mapping
from itertools import compress
from pathlib import Path
from typing import Any

from jinja2 import BaseLoader, Environment, Template, nodes, pass_context
from jinja2.runtime import Context

from chains.errors import PromptError, PromptRenderError
from chains.prompts.budget import BUDGET, Budget
from chains.prompts.comparison.tree_builder import build_tree
from chains.prompts.comparison.trees import MARK, Branch, Tree
from chains.prompts.version import PromptVersion

__all__ = ["Branch", "reached_blocks", "uncovered_branches"]


def uncovered_branches(prompt: PromptVersion, cases: Mapping[str, Mapping[str, Any]]) -> list[Branch]:
    """Each branch that no case executes, in the order of the text; one of a partial where no include of it does.

    Cases that the version doesn't take or can't render cover nothing. Raises PromptError where the template is too
    large to be inlined.
    """
    tree = build_tree(prompt)
    if len(tree.branches) == len(tree.sections):
        return []
    reached = reached_blocks(tree, prompt, {name: case for name, case in cases.items() if _renders(prompt, case)})
    covered = {tree.places[number] for number in reached}
    sections = {section.number for section in tree.sections}
    uncovered = {
        place: branch
        for number, (place, branch) in enumerate(zip(tree.places, tree.branches, strict=True))
        if place not in covered and number not in sections
    }
    return list(uncovered.values())


def reached_blocks(tree: Tree, prompt: PromptVersion, cases: Mapping[str, Mapping[str, Any]]) -> set[int]:
    """The numbers of the blocks that these cases execute, all of which the prompt can render.

    The marked templates are rendered within the bounds of every render. Raises PromptError where Python can't compile
    them.
    """
    if not cases:
        return set()
    reached = {section.number for section in tree.sections}

    @pass_context  # which also keeps Jinja from calling it while it compiles
    def mark(context: Context, value: Any, number: int) -> Any:
        reached.add(number)
        return value

    path = prompt.ingredients.source.path
    tree.environment.filters[MARK] = mark
    tree.environment.loader = _Partials(tree.partials, path)
    ends = [*(section.number for section in tree.sections[1:]), len(tree.branches)]
    branching = [end - section.number > 1 for section, end in zip(tree.sections, ends, strict=True)]
    templates = [_compiled(tree.environment, section, path) for section in compress(tree.marked, branching)]
    defaults = {name: schema["default"] for name, schema in prompt.inputs.items() if "default" in schema}
    for inputs in cases.values():
        budget = Budget()
        values = {**defaults, **inputs, BUDGET: budget}
        for template in templates:
            for piece in template.root_render_func(template.new_context(values)):
                budget.produce(len(piece))
    return reached


class _Partials(BaseLoader):
    """Partials that are parsed already, by the names by which the marked templates include them."""

    def __init__(self, trees: Mapping[str, nodes.Template], path: Path) -> None:
        self._trees = trees
        self._path = path

    def load(self, environment: Environment, name: str, globals: Any = None) -> Template:
        return _compiled(environment, self._trees[name], self._path)


def _renders(prompt: PromptVersion, inputs: Mapping[str, Any]) -> bool:
    if prompt.validate(inputs):
        return False
    try:
        prompt.invoke(dict(inputs))
    except PromptRenderError:
        return False
    return True


def _compiled(environment: Environment, tree: nodes.Template, path: Path) -> Template:
    try:
        code = environment.compile(tree, filename=str(path))
    except (SyntaxError, RecursionError, MemoryError) as error:  # Python's own limits
        raise PromptError("nested too deeply to tell its branches apart", path=path, rule="limit") from error
    return environment.template_class.from_code(environment, code, environment.make_globals(None))
