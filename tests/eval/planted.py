"""What the tests of evaluations share: a folder of prompts with a version whose answers can be planted, a dataset, a
scripted backend that answers with the references, and a run of them in this process."""

import asyncio
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from app.composition import build_trial_runner
from app.settings import Settings
from chains.backends.scripted import ScriptedConfig
from chains.prompts import load_prompt_set
from chains.tasks import load_tasks
from eval.case_files import CaseSet, load_cases
from eval.comparison import build_report, score_run
from eval.datasets import load_dataset
from eval.report import Report
from eval.run_file import RunHeader, open_run, read_run
from eval.running import Accounts, Asking, Plan, Progress, run_plan
from eval.suites import Suite
from eval.variants import PlannedVariant, Wish, plan_variants, variant_set
from tests.conftest import ROOT

__all__ = [
    "GOLDEN",
    "MARK",
    "Bench",
    "cases_of",
    "evaluation_folder",
    "golden",
    "planted_prompts",
    "script_of",
    "suite_of",
    "write_cases",
]

GOLDEN = ROOT / "eval" / "datasets"
MARK = "[v2] "
"""Stands before the text in the planted version of a prompt, so that a script tells its requests apart."""


def planted_prompts(folder: Path, task: str = "summarize", base: str = "1.3.0", version: str = "1.4.0") -> Path:
    """A copy of the project's prompts with a further version of one of them that marks its text."""
    shutil.copytree(ROOT / "prompts", folder, ignore=shutil.ignore_patterns(".lock"))
    text = (folder / task / f"{base}.j2").read_text()
    assert "\n{{ text }}\n" in text
    marked = text.replace("\n{{ text }}\n", f"\n{MARK}{{{{ text }}}}\n")
    lines = [f"changelog: Marks {version}" if line.startswith("changelog:") else line for line in marked.split("\n")]
    (folder / task / f"{version}.j2").write_text("\n".join(lines))
    return folder


def cases_of(count: int = 40) -> list[dict[str, Any]]:
    """Cases of summarize, each with a number and a reference that states it."""
    return [
        {
            "id": f"case-{number:03}",
            "task": "summarize",
            "language": "en",
            "input": {
                "text": f"The council spends {1000 + number} euros on bridge {number:03} and closes it.",
                "params": {},
            },
            "expected": {
                "references": [f"The council closes bridge {number:03} for {1000 + number} euros."],
                "facts": [str(1000 + number)],
            },
        }
        for number in range(count)
    ]


def write_cases(folder: Path, cases: Sequence[Mapping[str, Any]], task: str = "summarize") -> Path:
    """A folder of datasets with these cases of one task."""
    (folder / task).mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(case, ensure_ascii=False) + "\n" for case in cases)
    (folder / task / "golden.jsonl").write_text(lines)
    return folder


def evaluation_folder(prompts: Path, cases: Sequence[Mapping[str, Any]], suite: Mapping[str, Any]) -> None:
    """What `copydesk eval` finds in the current folder, but for a configuration: prompts, cases and a suite."""
    shutil.copytree(prompts, "prompts")
    write_cases(Path("eval/datasets"), cases)
    Path("eval/suites").mkdir()
    Path("eval/suites/summarize.yaml").write_text(yaml.safe_dump(dict(suite), sort_keys=False))


def golden(task: str) -> list[dict[str, Any]]:
    """The project's own cases of a task."""
    return [case.model_dump() for case in load_dataset(GOLDEN / task)]


def script_of(
    cases: Sequence[Mapping[str, Any]], planted: Callable[[str, int], str] = lambda reference, number: reference
) -> list[dict[str, Any]]:
    """The references as answers; to the planted version what `planted` makes of the reference and the case's number."""
    script = []
    for number, case in enumerate(cases):
        reference, text = case["expected"]["references"][0], case["input"]["text"]
        script += [{"when": MARK + text, "answer": planted(reference, number)}, {"when": text, "answer": reference}]
    return script


def suite_of(**others: Any) -> Suite:
    values = {"name": "try", "task": "summarize", "datasets": ["summarize"], "metrics": {"answered": {"gate": True}}}
    return Suite.model_validate({**values, **others})


class Bench:
    """A suite on a scripted backend, run as often as a test wants."""

    def __init__(
        self,
        prompts: Path,
        data: Path,
        script: Sequence[Mapping[str, Any]],
        *,
        suite: Suite | None = None,
        versions: Sequence[str] = ("1.3.0", "1.4.0"),
        parameters: Sequence[Mapping[str, Any]] = ({},),
        prices: Mapping[str, Any] | None = None,
        waits_s: Sequence[float] = (0, 0),
        **backend: Any,
    ) -> None:
        config = ScriptedConfig.model_validate({"answers": list(script), **backend})
        self.settings = Settings(backends={"script": config}, prices=dict(prices or {}))
        self.suite = suite or suite_of()
        self.task = load_tasks()[self.suite.task]
        self.cases: CaseSet = load_cases(self.suite, self.task, (data,))
        self.prompts = load_prompt_set(prompts)
        wishes = [Wish(version, "script", given) for version in versions for given in parameters]
        self.planned: list[PlannedVariant] = plan_variants(
            self.prompts, self.suite.task, wishes, {"script": config.identity()}
        )
        self.waits_s = waits_s
        self.runner: Any = None

    def header(self, **others: Any) -> RunHeader:
        return RunHeader.model_validate(
            {
                "suite": self.suite.name,
                "suite_digest": self.suite.digest,
                "datasets": self.cases.datasets,
                "repeats": self.suite.repeats,
                "variants": [each.variant for each in self.planned],
                "examples": {each.variant.name: each.examples for each in self.planned},
                "copydesk": "0.1.0",
                "created_at": "2026-11-30T10:00:00Z",
                **others,
            }
        )

    def run(
        self, path: Path, *, resume: bool = False, tell: Callable[[Progress], object] = lambda progress: None
    ) -> Progress:
        """Raises what `run_plan` and `open_run` raise."""
        plan = Plan(self.task, self.cases.cases, self.planned, self.suite.repeats)

        async def run() -> Progress:
            accounts = Accounts()
            prompts = variant_set(self.prompts, self.planned)
            self.runner = build_trial_runner(self.settings, prompts, ["script"], accounts)
            asking = Asking(self.runner, accounts, self._price, waits_s=self.waits_s)
            try:
                return await run_plan(plan, asking, file, tell)
            finally:
                await self.runner.aclose()

        with open_run(path, self.header(), resume=resume) as file:
            return asyncio.run(run())

    def report(self, path: Path) -> Report:
        """Run, and compare every further variant with the first."""
        self.run(path)
        found = read_run(path)
        scored = score_run(self.suite, found.header, self.cases.cases, list(found.outcomes.values()))
        first, *others = [each.variant.name for each in self.planned]
        return build_report(scored, [(first, other) for other in others], others)

    def _price(self, backend: str, usage: Any) -> int | None:
        if not self.settings.prices:
            return None
        from app.usage.prices import PriceList

        return PriceList(self.settings.prices).nano_usd(backend, usage)
