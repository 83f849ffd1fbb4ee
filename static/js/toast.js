// A toast says what happened, for ten seconds, and may offer to undo it.
// The server asks for one with HX-Trigger: {"toast": {"text": "…", "undo": "#id-of-a-button"}}.
const SECONDS = 10;

function show({ text, undo }) {
  const shelf = document.querySelector("[data-toasts]");
  if (!shelf || !text) return;
  const toast = document.createElement("div");
  toast.className = "wm-toast";
  const words = document.createElement("span");
  words.textContent = text;
  toast.append(words);
  if (undo) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Undo";
    button.addEventListener("click", () => {
      document.querySelector(undo)?.click();
      toast.remove();
    });
    toast.append(button);
  }
  shelf.append(toast);
  setTimeout(() => toast.remove(), SECONDS * 1000);
}

document.addEventListener("toast", (event) => show(event.detail));
document.addEventListener("htmx:sendError", () => show({ text: "The server could not be reached. Nothing was changed." }));
document.addEventListener("htmx:responseError", (event) => {
  if (event.detail.xhr.status >= 500) show({ text: "Something went wrong on our side. Nothing was changed." });
});
// A conflict (409) and an invalid form (422) carry words for the page, so they are shown.
document.addEventListener("htmx:beforeSwap", (event) => {
  if ([409, 422].includes(event.detail.xhr.status)) {
    event.detail.shouldSwap = true;
    event.detail.isError = false;
  }
});
