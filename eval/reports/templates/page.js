// What can be switched on the page.

function themes() {
  const root = document.documentElement;
  const field = document.getElementById("theme");
  field.hidden = false;
  field.querySelector(`[value="${root.dataset.theme || "auto"}"]`).checked = true;
  field.addEventListener("change", (event) => {
    const chosen = event.target.value;
    if (chosen === "auto") delete root.dataset.theme;
    else root.dataset.theme = chosen;
    try {
      localStorage.setItem("copydesk-theme", chosen);
    } catch { /* a page from a file may have no storage */ }
  });
}

function panels() {
  for (const select of document.querySelectorAll("select[data-panels]")) {
    const choose = () => {
      const all = document.querySelectorAll(`[data-panel-of="${select.dataset.panels}"]`);
      all.forEach((panel, at) => { panel.hidden = at !== select.selectedIndex; });
    };
    select.addEventListener("change", choose);
    choose(); // a page that is loaded anew keeps its choices
  }
}

// From a number of flipped cases to those cases.
function showing(table) {
  for (const button of document.querySelectorAll("[data-flipped]")) {
    button.addEventListener("click", () => {
      table.form.reset();
      const fields = table.form.elements;
      fields.flipped.value = button.dataset.flipped;
      fields.metric.value = button.dataset.metric;
      if (fields.comparison) fields.comparison.value = button.dataset.by;
      setTimeout(() => {
        table.apply();
        document.getElementById("cases").scrollIntoView();
        fields.flipped.focus({ preventScroll: true });
      });
    });
  }
}

themes();
panels();
if (document.getElementById("filters")) showing(caseTable(JSON.parse(document.getElementById("data").textContent)));
