// The table of cases: what passes the filters, fifty rows at a time.

const ROWS = 50;

function caseTable(data) {
  const form = document.getElementById("filters");
  const body = document.querySelector("#table tbody");
  const more = document.getElementById("more");
  let found = [];
  let shown = 0;

  function apply() {
    found = data.cases.filter(wanted(data, form));
    body.replaceChildren();
    shown = 0;
    grow();
  }

  function grow() {
    const next = found.slice(shown, shown + ROWS);
    body.append(...next.map((one) => caseRow(data, one)));
    shown += next.length;
    const rest = found.length - shown;
    more.hidden = rest === 0;
    more.textContent = `Show ${Math.min(rest, ROWS)} more`;
    const all = data.cases.length.toLocaleString("en");
    const some = found.length.toLocaleString("en");
    document.getElementById("count").textContent =
      (found.length === data.cases.length ? `${all} cases` : `${some} of ${all} cases`) + (rest ? `; the first ${shown} are shown.` : ".");
  }

  fill(form.elements.language, data.cases.map((one) => one.l));
  fill(form.elements.hard, data.cases.map((one) => one.h));
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(apply));
  more.addEventListener("click", () => {
    const at = shown;
    grow();
    body.querySelectorAll("tr:not(.detail)")[at]?.querySelector("button").focus();
  });
  form.hidden = document.getElementById("table").hidden = false;
  apply();
  return { form, apply };
}

function fill(select, names) {
  const known = [...new Set(names.filter(Boolean))].sort();
  select.append(...known.map((name) => element("option", { value: name }, name)));
  select.closest("label").hidden = known.length === 0;
}

// A test of one case, from what the form says now.
function wanted(data, form) {
  const chosen = (name) => form.elements[name]?.value ?? "";
  const words = chosen("text").toLowerCase().split(/\s+/).filter(Boolean);
  const [language, hard, flipped, comparison] = ["language", "hard", "flipped", "comparison"].map(chosen);
  const metric = chosen("metric") && form.elements.metric.selectedIndex - 1;
  const failed = form.elements.failed.checked;
  const flips = ([by, of, isWorse]) =>
    (comparison === "" || by === Number(comparison)) && (metric === "" || of === metric) && (flipped !== "worse" || isWorse) && (flipped !== "better" || !isWorse);
  const mustFlip = flipped || metric !== "" || comparison !== "";
  return (one) =>
    (!language || one.l === language) &&
    (!hard || one.h === hard) &&
    (!failed || one.a.some((answer) => answer[2])) &&
    (!mustFlip || (one.f || []).some(flips)) &&
    words.every((word) => searchable(one).includes(word));
}

function searchable(one) {
  one.s ??= [one.id, one.i, ...one.a.flatMap((answer) => [answer[1], answer[2]])].join("\n").toLowerCase();
  return one.s;
}

let opened = 0;

function caseRow(data, one) {
  const button = element("button", { type: "button", class: "open", "aria-expanded": "false" }, element("bdi", {}, one.id));
  const tags = element("div", { class: "tags" }, [one.l, one.h].filter(Boolean).join(" · "));
  const row = element("tr", {},
    element("th", { scope: "row" }, button, tags),
    element("td", { class: "roomy" }, one.l || ""),
    element("td", { class: "roomy" }, one.h || ""),
    element("td", { class: "roomy input", dir: "auto" }, one.i.slice(0, 160)),
    element("td", {}, ...badges(data, one)));
  button.addEventListener("click", () => toggle(data, one, row, button));
  return row;
}

function toggle(data, one, row, button) {
  const isOpen = button.getAttribute("aria-expanded") === "true";
  if (isOpen) row.nextElementSibling.remove();
  else {
    const id = `case-${++opened}`;
    button.setAttribute("aria-controls", id);
    row.after(element("tr", { class: "detail", id }, element("td", { colspan: "5" }, ...detailOf(data, one))));
  }
  button.setAttribute("aria-expanded", String(!isOpen));
}

function badges(data, one) {
  const flips = (one.f || []).map(([by, metric, isWorse]) => {
    const title = data.metrics[metric]?.title ?? "a metric";
    const candidate = data.comparisons.length > 1 ? ` (${data.variants[data.comparisons[by][1]]})` : "";
    return element("span", { class: `badge ${isWorse ? "worse" : "better"}` }, element("span", { class: "unseen" }, isWorse ? "worse: " : "better: "), title + candidate);
  });
  const failed = one.a.filter((answer) => answer[2]).length;
  if (failed) flips.push(element("span", { class: "badge failed" }, failed === one.a.length ? "failed" : `failed: ${failed} of ${one.a.length}`));
  return flips;
}
