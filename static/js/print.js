// Paper: light colours, what was asked in words, and every fold open; then all as it was.
let before = null;

// What the filters and the choices say that stand on no paper: "Opening day 2025-07-29".
function scope() {
  const said = [];
  let last = "";
  for (const field of document.querySelectorAll(".wm-content form[method=get] :is(input, select)")) {
    const isTicked = ["checkbox", "radio"].includes(field.type);
    if (["hidden", "submit", "search"].includes(field.type) || !field.value || (isTicked && !field.checked)) continue;
    const name = (isTicked ? field.closest("fieldset")?.querySelector("legend") : field.labels?.[0])?.firstChild?.textContent.trim();
    const value = isTicked ? field.labels?.[0]?.textContent : (field.selectedOptions?.[0]?.textContent ?? field.value);
    const title = field.closest(".wm-panel")?.querySelector(".wm-panel-title")?.textContent.trim() ?? "";
    said.push([title !== last && title && `${title}:`, name, value?.trim()].filter(Boolean).join(" "));
    last = title;
  }
  for (const chosen of document.querySelectorAll(".wm-content :is(.wm-tabs, .d-tabs, .d-presets) [aria-current]")) said.push(chosen.textContent.trim());
  return said.join(" · ");
}

window.addEventListener("beforeprint", () => {
  if (before) return;
  const root = document.documentElement;
  const folds = [...document.querySelectorAll("main details:not([open])")];
  const line = document.createElement("p");
  line.className = "wm-on-paper wm-paper-scope";
  line.textContent = scope();
  before = { theme: root.dataset.bsTheme, folds, line };
  if (line.textContent) document.querySelector(".wm-header")?.after(line);
  root.dataset.bsTheme = "light";
  for (const fold of folds) fold.open = true;
  document.dispatchEvent(new CustomEvent("waymark:theme"));
});

window.addEventListener("afterprint", () => {
  if (!before) return;
  document.documentElement.dataset.bsTheme = before.theme;
  for (const fold of before.folds) fold.open = false;
  before.line.remove();
  before = null;
  document.dispatchEvent(new CustomEvent("waymark:theme"));
});
