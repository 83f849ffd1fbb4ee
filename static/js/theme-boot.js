// Blocking, in <head>: sets the colours before the first paint, and says that scripts run.
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  let wish = "system";
  try {
    wish = localStorage.getItem("waymark-theme") || "system";
  } catch {
    // Storage may be refused; the system's colours are then followed.
  }
  const dark = wish === "dark" || (wish === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
  root.dataset.bsTheme = dark ? "dark" : "light";
  root.dataset.themeWish = wish;
})();
