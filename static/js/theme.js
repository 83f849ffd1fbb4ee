// [data-theme-set=light|dark|system]: remembers the wish and follows the system live.
const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");

function apply(wish) {
  const dark = wish === "dark" || (wish === "system" && system.matches);
  root.dataset.themeWish = wish;
  root.dataset.bsTheme = dark ? "dark" : "light";
  for (const button of document.querySelectorAll("[data-theme-set]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeSet === wish));
  }
  document.dispatchEvent(new CustomEvent("waymark:theme"));
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-theme-set]");
  if (!button) return;
  try {
    localStorage.setItem("waymark-theme", button.dataset.themeSet);
  } catch {
    // Not remembered, still applied.
  }
  apply(button.dataset.themeSet);
});
system.addEventListener("change", () => apply(root.dataset.themeWish || "system"));
apply(root.dataset.themeWish || "system");
