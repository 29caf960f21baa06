"""The page in a real browser: how it fits, what it asks for, and what a reader can do with it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from eval.report import Report
from eval.reports.page import html_page
from tests.eval.reports.hostile import HOSTILE, hostile_report
from tests.eval.reports.sample import sample_report
from tests.programs import program

pytestmark = pytest.mark.e2e

VERSIONS = ("1.0.0", "1.1.0", "1.2.0", "2.0.0-rc.1", "2.0.0")
REGRESSED = sample_report("classify", cases=120, loss=0.3)
REPORTS = {
    "regressed": REGRESSED,
    "several": sample_report(versions=VERSIONS, loss=0.05),
    "hostile": hostile_report(),
    "single": sample_report(versions=("1.0.0",), priced=False),
    "large": sample_report(cases=2000, words=4),
}
SCREENS = [(scheme, width) for scheme in ("light", "dark") for width in (360, 1400)]

# Elements that stick out on the right of the screen, but for what scrolls by itself.
OVERFLOWING = """() => [...document.querySelectorAll("body *")]
  .filter((one) => one.getBoundingClientRect().right > innerWidth + 0.5 && !one.closest(".scroll, .unseen"))
  .map((one) => `${one.tagName}.${one.className}`)"""

# Of each text on the page the contrast with what lies behind it (WCAG 2.2, 1.4.3), the lowest first.
CONTRASTS = """() => {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const over = (colors) => {
    context.clearRect(0, 0, 1, 1);
    for (const color of colors) { context.fillStyle = color; context.fillRect(0, 0, 1, 1); }
    return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (rgb) => rgb.map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
  const found = [];
  for (const one of document.querySelectorAll("body *")) {
    const words = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!words || !one.checkVisibility() || one.closest(".unseen, option, script")) continue;
    const behind = [];
    for (let at = one; at; at = at.parentElement) behind.unshift(getComputedStyle(at).backgroundColor);
    const style = getComputedStyle(one);
    const [back, front] = [over(behind), over([...behind, one.closest("svg") ? style.fill : style.color])].map(light);
    const contrast = (Math.max(back, front) + 0.05) / (Math.min(back, front) + 0.05);
    found.push([Math.round(contrast * 100) / 100, `${one.tagName}.${one.getAttribute("class")}`]);
  }
  return found.sort((one, other) => one[0] - other[0]);
}"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    for name, report in REPORTS.items():
        (folder / f"{name}.html").write_text(html_page(report), encoding="utf-8")
    return {name: folder / f"{name}.html" for name in REPORTS}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program("chromium", "chromium"), args=quiet)
        yield running
        running.close()


class Opened:
    """A page, and all that it complained of and asked for."""

    def __init__(self, browser: Any, path: Path, scheme: str = "light", width: int = 1400) -> None:
        self.context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
        self.page = self.context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())


def ids(page: Any) -> list[str]:
    """Of the cases that are shown."""
    return list(page.locator("#table .open").all_inner_texts())


@pytest.fixture(scope="module")
def loaded(browser: Any, files: dict[str, Path]) -> Opened:
    return Opened(browser, files["regressed"])


@pytest.fixture
def page(loaded: Opened) -> Iterator[Any]:
    """The page of a regression, on a wide screen; afterwards it is as it was when it was loaded."""
    yield loaded.page
    assert loaded.said == []
    loaded.page.get_by_role("button", name="Clear").click()
    expect(loaded.page.locator("#count")).to_have_text("120 cases; the first 50 are shown.")


@pytest.mark.parametrize("name", ["regressed", "several", "hostile", "single"])
def test_it_fits_and_asks_for_nothing(browser: Any, files: dict[str, Path], name: str) -> None:
    opened = Opened(browser, files[name])
    opened.page.locator(".open").first.click()
    assert opened.page.locator(".detail").count() == 1
    for scheme, width in SCREENS:
        opened.page.emulate_media(color_scheme=scheme)
        opened.page.set_viewport_size({"width": width, "height": 900})
        assert opened.page.evaluate(OVERFLOWING) == []
        assert opened.page.evaluate("document.documentElement.scrollWidth") == width
    assert opened.said == []
    assert [url for url in opened.asked if not url.startswith("data:")] == [files[name].as_uri()]
    opened.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_can_be_read(page: Any, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    page.locator("[data-flipped=worse]").first.click()
    page.locator(".open").first.click()
    found = page.evaluate(CONTRASTS)
    assert len(found) > 300
    assert {"DEL.null", "INS.null", "STRONG.chip regressed"} <= {name for _, name in found}
    assert [one for one in found if one[0] < 4.5] == []
    page.evaluate("document.querySelector('h1').style.color = '#888'")
    pale = [name for contrast, name in page.evaluate(CONTRASTS) if contrast < 4.5]
    assert pale == (["BDI.null"] if scheme == "light" else [])
    page.evaluate("document.querySelector('h1').style.color = ''")
    page.emulate_media(color_scheme="light")


def test_hostile_texts_are_shown_and_do_nothing(browser: Any, files: dict[str, Path]) -> None:
    opened = Opened(browser, files["hostile"])
    for button in opened.page.locator(".open").all():
        button.click()
    assert opened.page.evaluate("window.hacked") is None
    assert opened.page.evaluate("document.querySelectorAll('script').length") == 3
    assert opened.page.evaluate("document.querySelectorAll('img, iframe, object, main a').length") == 0
    texts = opened.page.locator(".detail .text").all_inner_texts()
    for kind in ("script", "image", "backticks", "mention", "link", "template", "entity"):
        assert any(HOSTILE[kind].strip() in text for text in texts), kind
    assert any("NUL␀ BEL␇" in text for text in texts)
    assert opened.said == []
    opened.context.close()


def test_the_policy_stops_what_would_get_in(browser: Any, files: dict[str, Path]) -> None:
    """As the last defence, should an escape be missing one day."""
    opened = Opened(browser, files["regressed"])
    opened.page.evaluate(
        """() => {
          const script = document.createElement("script");
          script.textContent = "window.hacked = 1";
          document.body.append(script);
          document.body.insertAdjacentHTML("beforeend", '<img src="http://127.0.0.1:9/x" onerror="window.hacked = 2">');
        }"""
    )
    opened.page.wait_for_timeout(100)
    assert opened.page.evaluate("window.hacked") is None
    assert sum("Content Security Policy" in said for said in opened.said) >= 2
    opened.context.close()


def flips(report: Report, is_worse: bool) -> set[str]:
    return {flip.case for flip in report.comparisons[0].flips if flip.is_worse is is_worse}


FILTERS: list[tuple[str, dict[str, str | bool], set[str]]] = [
    ("language", {"language": "zh"}, {row.id for row in REGRESSED.cases if row.language == "zh"}),
    ("hard kind", {"hard": "negation"}, {row.id for row in REGRESSED.cases if row.hard == "negation"}),
    ("worse", {"flipped": "worse"}, flips(REGRESSED, True)),
    ("better", {"flipped": "better"}, flips(REGRESSED, False)),
    ("flipped", {"flipped": "any"}, flips(REGRESSED, True) | flips(REGRESSED, False)),
    ("of a metric that nothing flipped in", {"flipped": "any", "metric": "macro_f1"}, set()),
    ("failed", {"failed": True}, {row.id for row in REGRESSED.cases if any(answer.error for answer in row.answers)}),
    ("text", {"text": "LÜBECK"}, {row.id for row in REGRESSED.cases if "Lübeck" in row.input}),
    ("two words", {"text": "0030 leeds"}, {row.id for row in REGRESSED.cases[30:31] if "Leeds" in row.input}),
    (
        "all together",
        {"language": "en", "flipped": "worse", "text": "bridge"},
        {row.id for row in REGRESSED.cases if "bridge" in row.input and row.language == "en"} & flips(REGRESSED, True),
    ),
]


@pytest.mark.parametrize(("fields", "found"), [pytest.param(*rest, id=name) for name, *rest in FILTERS])
def test_cases_are_filtered(page: Any, fields: dict[str, str | bool], found: set[str]) -> None:
    for name, value in fields.items():
        field = page.locator(f"#filters [name={name}]")
        if isinstance(value, bool):
            field.set_checked(value)
        elif name == "text":
            field.fill(value)
        else:
            field.select_option(value)
    assert page.locator("#count").inner_text() == f"{len(found)} of 120 cases."
    assert set(ids(page)) == found


def test_a_number_of_flips_leads_to_its_cases(page: Any) -> None:
    page.locator("[data-flipped=worse]").first.click()
    worse = flips(REGRESSED, True)
    expect(page.locator("#count")).to_have_text(f"{len(worse)} of 120 cases.")
    assert set(ids(page)) == worse
    assert page.evaluate("document.activeElement.name") == "flipped"


def test_a_case_opens_by_the_keyboard(page: Any) -> None:
    row = next(row for row in REGRESSED.cases if row.id in flips(REGRESSED, True))
    page.locator("#filters [name=text]").fill(row.id)
    button = page.get_by_role("button", name=row.id)
    button.focus()
    page.keyboard.press("Enter")
    assert button.get_attribute("aria-expanded") == "true"
    detail = page.locator(f"#{button.get_attribute('aria-controls')}")
    assert detail.locator(".text").first.inner_text() == row.input
    before, after = (answer.text for answer in row.answers)
    assert (detail.locator("del").inner_text(), detail.locator("ins").inner_text()) == (before, after)
    assert detail.locator("dd").all_inner_texts()[-1] == row.expected["labels"][0]  # type: ignore[index]
    assert detail.locator(".values tbody tr").first.locator("td").all_inner_texts() == ["100.0 %", "0.0 %"]
    page.keyboard.press("Enter")
    assert (button.get_attribute("aria-expanded"), detail.count()) == ("false", 0)


@pytest.mark.parametrize(
    ("before", "after", "marked"),
    [
        pytest.param(
            "is not approved", "is approved", [["is ", "not ", "approved"], ["is approved"]], id="a word less"
        ),
        pytest.param("明天九点", "明天八点", [["明天", "九", "点"], ["明天", "八", "点"]], id="Chinese"),
        pytest.param("", "new", [[], ["new"]], id="nothing before"),
        pytest.param("a b c d", "c d a b", [["a b c d"], ["c d ", "a b"]], id="another order"),
        pytest.param("x " * 5000, "y " * 5000, None, id="too long"),
    ],
)
def test_words_are_compared(page: Any, before: str, after: str, marked: Any) -> None:
    script = Path("eval/reports/templates/words.js").read_text()
    found = page.evaluate(
        f"([before, after]) => {{ {script}; return differences(before, after, 'en'); }}", [before, after]
    )
    if marked is None:
        assert found is None
        return
    assert ["".join(text for text, _ in pieces) for pieces in found] == [before, after]
    common = ["".join(text for text, is_common in pieces if is_common) for pieces in found]
    assert common[0] == common[1]
    if "c d" not in before:
        assert [[text for text, _ in pieces] for pieces in found] == marked


def test_right_to_left_texts_run_so(page: Any) -> None:
    page.locator("#filters [name=language]").select_option("ar")
    page.locator(".open").first.click()
    text = page.locator(".detail .text").first
    assert text.evaluate("one => [getComputedStyle(one).direction, one.lang]") == ["rtl", "ar"]


def test_colours_are_switched_and_stay(page: Any) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.get_by_text("Dark", exact=True).click()
    dark = page.evaluate(background)
    assert dark != light
    page.reload()
    assert page.evaluate(background) == dark
    page.get_by_text("Auto", exact=True).click()
    assert page.evaluate(background) == light


def test_another_metric_is_plotted(browser: Any, files: dict[str, Path]) -> None:
    opened = Opened(browser, files["several"])
    shown = opened.page.locator(".pareto svg:visible")
    expect(shown).to_have_count(1)
    first = shown.text_content()
    opened.page.get_by_label("Quality is").select_option(label="ROUGE-Lsum")
    expect(shown).to_have_count(1)
    assert first != shown.text_content()
    assert [text.split()[0] for text in shown.locator(".label").all_text_contents()] == list("12345")
    opened.context.close()


def test_two_thousand_cases_are_shown_fifty_at_a_time(browser: Any, files: dict[str, Path]) -> None:
    assert files["large"].stat().st_size < 10_000_000
    opened = Opened(browser, files["large"])
    assert opened.page.locator("#count").inner_text() == "2,000 cases; the first 50 are shown."
    opened.page.get_by_role("button", name="Show 50 more").click()
    shown = ids(opened.page)
    assert len(shown) == 100
    assert opened.page.evaluate("document.activeElement.textContent") == shown[50]
    opened.page.locator("#filters [name=text]").fill("1999")
    assert ids(opened.page) == [REPORTS["large"].cases[1999].id]
    opened.context.close()


STRUCTURE = """() => ({
  h1: document.querySelectorAll("h1").length,
  unnamed: [...document.querySelectorAll("svg[role=img]")].filter((one) => !one.getAttribute("aria-label") &&
    !document.getElementById(one.getAttribute("aria-labelledby"))).length,
  hidden: [...document.querySelectorAll("svg:not([role=img])")].filter((one) => one.ariaHidden !== "true").length,
  headers: [...document.querySelectorAll("th")].filter((one) => !one.scope).length,
  captions: [...document.querySelectorAll("table:not(.values)")].filter((one) => !one.caption).length,
  fields: [...document.querySelectorAll("input, select")].filter((one) => !one.labels.length).length,
  ids: [...document.querySelectorAll("[id]")]
    .filter((one, at, all) => all.findIndex((other) => other.id === one.id) < at).length,
  levels: [...document.querySelectorAll("h1, h2, h3, h4")].map((one) => Number(one.tagName[1]))
    .filter((level, at, all) => at && level > all[at - 1] + 1).length,
})"""


@pytest.mark.parametrize("name", ["regressed", "several", "hostile", "single"])
def test_its_parts_are_named_for_those_who_cant_see_them(browser: Any, files: dict[str, Path], name: str) -> None:
    opened = Opened(browser, files[name], width=360)
    found = opened.page.evaluate(STRUCTURE)
    assert found.pop("h1") == 1
    assert {kind: count for kind, count in found.items() if count} == {}
    opened.context.close()
