// One case, opened: what was given and expected, and the answers side by side.

function detailOf(data, one) {
  return [
    element("div", { class: "given" }, block("Input", textBlock(one.i, one.l), fields(one.p)), block("Expected", fields(one.e))),
    answersOf(data, one),
    valuesOf(data, one),
  ];
}

function block(title, ...children) {
  return element("div", {}, element("h4", {}, title), ...children);
}

function textBlock(text, language) {
  const attributes = { class: text ? "text" : "text empty", dir: "auto", tabindex: text.length > 1200 ? "0" : null };
  if (/^[a-z]{2,3}(-[A-Za-z0-9]+)*$/.test(language || "")) attributes.lang = language;
  return element("p", attributes, text || "empty");
}

function fields(pairs) {
  if (!pairs.length) return null;
  const list = element("dl");
  for (const [name, values] of pairs) {
    list.append(element("dt", {}, name));
    for (const value of values) list.append(element("dd", { dir: "auto" }, value));
  }
  return list;
}

// The answer that another is compared with: of its comparison's baseline.
function baselineOf(data, one, answer) {
  const pair = data.comparisons.find((comparison) => comparison[1] === answer[0]);
  return pair ? one.a.find((other) => other[0] === pair[0]) : undefined;
}

function answersOf(data, one) {
  const marked = new Map();
  const notes = new Map();
  for (const answer of one.a) {
    const baseline = baselineOf(data, one, answer);
    if (!baseline || baseline[2] || answer[2] || baseline[1] === answer[1]) continue;
    const pieces = differences(baseline[1], answer[1], one.l);
    if (!pieces) notes.set(answer, "Too long to compare word by word.");
    else {
      marked.set(answer, [pieces[1], "ins"]);
      if (data.comparisons.length === 1) marked.set(baseline, [pieces[0], "del"]);
    }
  }
  return element("div", { class: "answers" }, ...one.a.map((answer) => answerBlock(data, one, answer, marked.get(answer), notes.get(answer))));
}

function answerBlock(data, one, answer, marked, note) {
  const [variant, text, error, , time] = answer;
  const title = element("h4", {}, element("bdi", {}, data.variants[variant] ?? "?"), ` · ${shownTime(time)}`);
  const shown = textBlock(text, one.l);
  if (marked) shown.replaceChildren(...marked[0].map(([piece, isCommon]) => (isCommon ? piece : element(marked[1], {}, piece))));
  const body = error ? element("p", { class: "text bad", dir: "auto" }, error) : shown;
  return element("div", {}, title, body, note ? element("p", { class: "caption" }, note) : null);
}

function valuesOf(data, one) {
  const used = data.metrics.map((metric, at) => [metric, at]).filter(([, at]) => one.a.some((answer) => (answer[3][at] ?? null) !== null));
  if (!used.length) return element("div");
  const heads = one.a.map((answer) => element("th", { scope: "col", class: "figure" }, element("bdi", {}, data.variants[answer[0]] ?? "?")));
  const rows = used.map(([metric, at]) =>
    element("tr", {}, element("th", { scope: "row" }, metric.title), ...one.a.map((answer) => element("td", { class: "figure" }, shownValue(metric, answer[3][at])))));
  return element("div", { class: "scroll", role: "region", "aria-label": "Values", tabindex: "0" },
    element("table", { class: "values" },
      element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "Metric"), ...heads)), element("tbody", {}, ...rows)));
}
