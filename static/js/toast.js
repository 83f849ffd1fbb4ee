// A toast says what happened, for ten seconds, and may offer to undo it. A new one takes the place
// of the last, whose undo would meet what happened since. Its words stand at [data-toasts].
// The server asks for one with HX-Trigger: {"toast": {"text": "…", "undo": "#id-of-a-button"}}.
const SECONDS = 10;
const shelf = document.querySelector("[data-toasts]");

function show({ text, undo }) {
  if (!shelf || !text) return;
  const toast = document.createElement("div");
  toast.className = "wm-toast";
  const words = document.createElement("span");
  words.textContent = text;
  toast.append(words);
  if (undo) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = shelf.dataset.undo;
    button.addEventListener("click", () => {
      document.querySelector(undo)?.click();
      toast.remove();
    });
    toast.append(button);
  }
  shelf.replaceChildren(toast);
  setTimeout(() => toast.remove(), SECONDS * 1000);
}

document.addEventListener("toast", (event) => show(event.detail));
document.addEventListener("htmx:sendError", () => show({ text: shelf?.dataset.unreached }));
document.addEventListener("htmx:responseError", (event) => {
  if (event.detail.xhr.status >= 500) show({ text: shelf?.dataset.failed });
});
// A conflict (409) and an invalid form (422) carry words for the page, so they are shown.
document.addEventListener("htmx:beforeSwap", (event) => {
  if ([409, 422].includes(event.detail.xhr.status)) {
    event.detail.shouldSwap = true;
    event.detail.isError = false;
  }
});
