// Elements of the page. Texts become text nodes and nothing else, whatever stands in them.

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

function shownValue(metric, value) {
  if (value === null || value === undefined) return "–";
  const text = metric.share ? `${(value * 100).toFixed(1)} %` : value.toFixed(Math.abs(value) < 10 ? 3 : 1);
  return text.replace("-", "−");
}

function shownTime(ms) {
  return ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(2)} s`;
}
