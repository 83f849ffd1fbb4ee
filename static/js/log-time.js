// The log of a touch: its form comes into [data-log-dialog], which opens once it is there.
// Once the time is logged ("effort-logged"), or with [data-log-close], it shuts and is emptied.
// [data-minutes] puts its number into the field of minutes. From a field that [data-chooses] among
// what it has found, the arrow down goes to the first of it and chooses it.
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

document.addEventListener("keydown", (event) => {
  const list = event.target.dataset?.chooses;
  if (event.key !== "ArrowDown" || !list) return;
  const first = document.getElementById(list)?.querySelector("input[type=radio]");
  if (!first) return;
  event.preventDefault();
  first.focus();
  first.click();
});

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
