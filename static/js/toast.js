// A toast says what happened, for ten seconds, and may offer to undo it. A new one takes the place
// of the last, whose undo would meet what happened since. Its words stand at [data-toasts].
// The server asks for one with HX-Trigger: {"toast": {"text": "…", "undo": "#id-of-a-button"}}.
// What was refused is told too, and a [data-not-saved] says so in place of when it was saved.
// Whoever has been signed out signs in beside the page, and sends what is still there again: with
// the token that counts by then, which signing in has changed.
const SECONDS = 10;
const shelf = document.querySelector("[data-toasts]");

const REFUSED = { 401: "signedOut", 404: "missing", 429: "often" };

function show({ text, undo, link }) {
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
  if (link) {
    const there = document.createElement("a");
    Object.assign(there, { href: link.href, textContent: link.text, target: "_blank", rel: "noopener" });
    there.addEventListener("click", () => toast.remove());
    toast.append(there);
  }
  shelf.replaceChildren(toast);
  if (!link) setTimeout(() => toast.remove(), SECONDS * 1000);
}

function refuse(event, told) {
  show(told);
  if (event.detail.requestConfig?.verb === "get") return;
  for (const line of document.querySelectorAll("[data-not-saved]")) line.textContent = line.dataset.notSaved;
}

document.addEventListener("toast", (event) => show(event.detail));
document.addEventListener("htmx:sendError", (event) => refuse(event, { text: shelf?.dataset.unreached }));
document.addEventListener("htmx:responseError", (event) => {
  const { status } = event.detail.xhr;
  const text = shelf?.dataset[status >= 500 ? "failed" : REFUSED[status] ?? "refused"];
  const isOut = status === 401 && shelf;
  refuse(event, { text, link: isOut ? { href: shelf.dataset.logIn, text: shelf.dataset.logInWords } : null });
});
document.addEventListener("htmx:configRequest", (event) => {
  const token = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1];
  if (!token) return;
  const { headers, parameters } = event.detail;
  if ("X-CSRFToken" in headers) headers["X-CSRFToken"] = token;
  if (parameters.csrfmiddlewaretoken) parameters.csrfmiddlewaretoken = token;
});
// A conflict (409) and an invalid form (422) carry words for the page, so they are shown.
document.addEventListener("htmx:beforeSwap", (event) => {
  if ([409, 422].includes(event.detail.xhr.status)) {
    event.detail.shouldSwap = true;
    event.detail.isError = false;
  }
});
