// "/" puts the cursor into [data-search]; Escape leaves it.
document.addEventListener("keydown", (event) => {
  const field = document.querySelector("[data-search]");
  if (!field || event.ctrlKey || event.metaKey || event.altKey) return;
  const writing = event.target.closest("input, textarea, select, [contenteditable=true]");
  if (event.key === "Escape" && event.target === field) field.blur();
  if (event.key !== "/" || writing || document.querySelector("dialog[open]")) return;
  if (document.documentElement.dataset.shortcuts === "off") return;
  event.preventDefault();
  field.focus();
  field.select();
});
