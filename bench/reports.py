"""What the forms of a report cost: seconds and bytes for 2,000 cases of two variants, and how soon the page's filters
answer in Chromium.

Needs the extra `eval`, and Chromium on the path.
"""

import shutil
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import sync_playwright

from eval.report import Report
from eval.reports.forms import Form, form_text
from tests.eval.reports.sample import sample_report

ROUNDS = 5

# Each filter from the event to the frame that shows its rows.
FILTERS = """async () => {
  const form = document.getElementById("filters");
  const painted = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  const found = {};
  for (const [name, value] of [["text", "bridge"], ["text", "no such word"], ["language", "zh"], ["hard", "negation"],
                               ["flipped", "worse"], ["text", ""]]) {
    if (name !== "text") form.reset();
    await painted();
    form.elements[name].value = value;
    const start = performance.now();
    form.dispatchEvent(new Event("input"));
    document.getElementById("table").getBoundingClientRect();
    found[`${name}: ${value}`] = performance.now() - start;
  }
  return found;
}"""


def main() -> None:
    report = sample_report(cases=2000, words=4)
    with TemporaryDirectory() as folder:
        for form in Form:
            times = [timed(report, form, Path(folder)) for _ in range(ROUNDS)]
            size = (Path(folder) / form.file).stat().st_size
            print(f"{form.value}: {statistics.median(times):.2f} s, {size:,} bytes", flush=True)
        filters((Path(folder) / Form.HTML.file).as_uri())


def timed(report: Report, form: Form, folder: Path) -> float:
    start = time.process_time()
    text = form_text(report, form)
    (folder / form.file).write_text(text)
    return time.process_time() - start


def filters(address: str) -> None:
    executable = shutil.which("chromium")
    if executable is None:
        sys.exit("there is no chromium on the path")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        start = time.perf_counter()
        page.goto(address)
        print(f"page: loaded after {time.perf_counter() - start:.2f} s")
        rounds = [page.evaluate(FILTERS) for _ in range(ROUNDS)]
        for name in rounds[0]:
            times = [one[name] for one in rounds]
            print(f"filter {name!r}: {statistics.median(times):.1f} ms, the longest {max(times):.1f} ms")
        browser.close()


if __name__ == "__main__":
    main()
