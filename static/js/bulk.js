// form[data-bulk]: [data-bulk-all] ticks every [data-bulk-row]; [data-bulk-bar] shows how many.
function refresh(form) {
  const rows = [...form.querySelectorAll("[data-bulk-row]")];
  const ticked = rows.filter((row) => row.checked).length;
  const all = form.querySelector("[data-bulk-all]");
  if (all) {
    all.checked = rows.length > 0 && ticked === rows.length;
    all.indeterminate = ticked > 0 && ticked < rows.length;
  }
  const bar = form.querySelector("[data-bulk-bar]");
  if (bar) bar.hidden = ticked === 0;
  const count = form.querySelector("[data-bulk-count]");
  if (count) count.textContent = ticked === 1 ? "only this one" : `these ${ticked.toLocaleString("en")}`;
}

document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-bulk]");
  if (!form) return;
  if (event.target.matches("[data-bulk-all]")) {
    for (const row of form.querySelectorAll("[data-bulk-row]")) row.checked = event.target.checked;
  }
  refresh(form);
});

function start() {
  for (const form of document.querySelectorAll("form[data-bulk]")) refresh(form);
}
document.addEventListener("htmx:load", start);
start();
