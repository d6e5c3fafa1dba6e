// Runs before the page is drawn, so that a chosen theme does not flash. Without a choice the system's is taken.
try {
  const chosen = localStorage.getItem("fmiqa-theme");
  if (chosen) document.documentElement.dataset.theme = chosen;
} catch { /* no storage, no choice to keep */ }
