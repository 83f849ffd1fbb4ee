// The editor of a play. Everything works by its buttons; this makes it quicker: what is not
// saved is not left without a question, Ctrl+S saves, and after a button the focus goes on
// where it was pressed.
const editor = () => document.querySelector("[data-play-editor]");
let unsaved = Boolean(editor()?.matches("[data-unsaved]"));

document.addEventListener("input", (event) => {
  if (event.target.closest("[data-play-editor]")) unsaved = true;
});
document.addEventListener("submit", (event) => {
  if (event.target.matches("[data-play-editor]")) unsaved = false;
});
document.addEventListener("htmx:oobAfterSwap", (event) => {
  if (event.detail.target?.id === "play-revision") unsaved = false;
});
for (const refused of ["htmx:responseError", "htmx:sendError"]) {
  document.addEventListener(refused, (event) => {
    if (event.detail.requestConfig?.verb !== "get" && editor()) unsaved = true;
  });
}
addEventListener("beforeunload", (event) => {
  if (unsaved) event.preventDefault();
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "s" || !(event.ctrlKey || event.metaKey) || !editor()) return;
  event.preventDefault();
  editor().requestSubmit(editor().querySelector("button[name=do][value=save]"));
});

document.addEventListener("htmx:afterSettle", (event) => {
  const form = editor();
  if (!form || (event.target !== form && event.detail.elt !== form)) return;
  if (form.matches("[data-unsaved]")) unsaved = true;
  const told = form.querySelector("[data-take-focus]");
  if (told) return told.focus();
  const [verb, number] = (form.dataset.acted ?? "").split(":");
  const steps = form.querySelectorAll(".p-step");
  if (verb === "check") return form.querySelector("#findings")?.focus();
  if (verb === "add-step") return steps[steps.length - 1]?.querySelector("input")?.focus();
  const place = { up: Number(number) - 1, down: Number(number) + 1, remove: Number(number) }[verb];
  if (place !== undefined) (steps[Math.min(place, steps.length - 1)] ?? form).focus();
});
