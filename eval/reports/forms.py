"""Which forms a report has, and their files in a folder."""

from collections.abc import Iterable
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from chains.errors import ConfigurationError

if TYPE_CHECKING:
    from eval.report import Report

__all__ = ["Form", "form_text", "write_forms"]


class Form(str, Enum):
    """What a report can be written as."""

    HTML = "html"
    MARKDOWN = "markdown"
    JUNIT = "junit"
    JSON = "json"

    @property
    def file(self) -> str:
        """The name of its file; CI finds JUnit's by `**/*junit.xml`."""
        return {"html": "report.html", "markdown": "report.md", "junit": "junit.xml", "json": "report.json"}[self.value]


def form_text(report: "Report", form: Form) -> str:
    """The report in one form. Raises ConfigurationError for JUnit's without the extra `eval`."""
    if form is Form.HTML:
        from eval.reports.page import html_page

        return html_page(report)
    if form is Form.MARKDOWN:
        from eval.reports.markdown import markdown

        return markdown(report)
    if form is Form.JUNIT:
        from eval.reports.junit import junit_xml

        return junit_xml(report)
    return report.model_dump_json(indent=1) + "\n"


def write_forms(report: "Report", folder: Path, forms: Iterable[Form] = tuple(Form)) -> list[Path]:
    """Write each form once into the folder, which is made where it is absent. Raises ConfigurationError where that
    can't be done."""
    paths = []
    for form in dict.fromkeys(forms):
        path = folder / form.file
        text = form_text(report, form)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        except OSError as error:
            raise ConfigurationError(f"{path}: the report cannot be written: {error.strerror}") from error
        paths.append(path)
    return paths
