// In the head, so that a page that was switched doesn't show in the other colours first.
try {
  const chosen = localStorage.getItem("copydesk-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch { /* a page from a file may have no storage */ }
