// Before the first paint: what the reader chose last time, else what the system prefers.
document.documentElement.classList.add("js");
try {
  const chosen = localStorage.getItem("collapsebench-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch { /* storage is blocked: the system's preference stands */ }
