// form[data-filters]: empty fields stay out of the address, so that a filtered list can be shared.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("form[data-filters]") || form.hasAttribute("hx-get")) return;
  for (const field of form.elements) {
    if (field.name && !field.value) field.disabled = true;
  }
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-filters]")) {
    for (const field of form.elements) field.disabled = false;
  }
});
// form[data-save-view] keeps the address as it is now, not as it was when the page came.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.matches("form[data-save-view]")) form.elements.filters.value = location.search.slice(1);
});
document.addEventListener("htmx:configRequest", (event) => {
  if (!event.detail.elt.matches("form[data-filters]")) return;
  const parameters = event.detail.parameters;
  for (const name of Object.keys(parameters)) {
    if (parameters[name] === "") delete parameters[name];
  }
});
