// The small forms on a member's page.
// A link with hx-get fills the next [data-act-slot] with what can be done; pressed again, or with
// [data-acts-close] or Escape, it is emptied. Once something is done, the panel that it was about
// takes the cursor, since it was put in place anew.
let lastPanel = "";

function close(slot) {
  slot.replaceChildren();
  const opener = [...document.querySelectorAll("[hx-target='next [data-act-slot]']")]
    .filter((link) => link.compareDocumentPosition(slot) & Node.DOCUMENT_POSITION_FOLLOWING)
    .pop();
  opener?.focus();
}

document.addEventListener("click", (event) => {
  const closer = event.target.closest("[data-acts-close]");
  if (closer) close(closer.closest("[data-act-slot]"));
});

document.addEventListener("keydown", (event) => {
  const slot = event.key === "Escape" && event.target.closest?.("[data-act-slot]");
  if (slot) close(slot);
});

document.addEventListener("htmx:afterSettle", (event) => {
  const slot = event.target.closest?.("[data-act-slot]");
  if (slot) {
    for (const other of document.querySelectorAll("[data-act-slot]")) {
      if (other !== slot) other.replaceChildren();
    }
    const first = slot.querySelector("[data-take-focus], [data-error-summary], details[open] :is(input:not([type=hidden]), select, textarea), summary");
    first?.focus();
    return;
  }
  if (!lastPanel || document.activeElement !== document.body) return;
  const panel = document.getElementById(lastPanel);
  if (!panel) return;
  panel.tabIndex = -1;
  panel.focus({ preventScroll: true });
});

document.addEventListener("member-changed", (event) => {
  lastPanel = event.detail?.panel ?? "";
});
