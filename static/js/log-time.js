// The log of a touch: its form comes into [data-log-dialog], which opens once it is there.
// Once the time is logged ("effort-logged"), or with [data-log-close], it shuts and is emptied.
// [data-minutes] puts its number into the field of minutes.
const dialog = document.querySelector("[data-log-dialog]");
const slot = dialog?.querySelector("#wm-log-slot");

document.addEventListener("htmx:afterSettle", (event) => {
  if (!slot || event.detail.target !== slot) return;
  if (!dialog.open) dialog.showModal();
  const wanted = slot.querySelector("[data-error-summary], [data-take-focus]");
  wanted?.focus();
});

document.addEventListener("effort-logged", () => dialog?.close());

dialog?.addEventListener("close", () => slot.replaceChildren());

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-log-close]")) {
    event.preventDefault();
    dialog?.close();
  }
  const usual = event.target.closest("[data-minutes]");
  const field = usual?.closest("form")?.elements.namedItem("minutes");
  if (!field) return;
  field.value = usual.dataset.minutes;
  field.focus();
});
