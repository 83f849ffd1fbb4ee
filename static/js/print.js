// Paper: light colours, and every table beside its chart and every fold open; then all as it was.
let before = null;

window.addEventListener("beforeprint", () => {
  if (before) return;
  const root = document.documentElement;
  const folds = [...document.querySelectorAll("main details:not([open])")];
  before = { theme: root.dataset.bsTheme, folds };
  root.dataset.bsTheme = "light";
  for (const fold of folds) fold.open = true;
});

window.addEventListener("afterprint", () => {
  if (!before) return;
  document.documentElement.dataset.bsTheme = before.theme;
  for (const fold of before.folds) fold.open = false;
  before = null;
});
