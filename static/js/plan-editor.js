// The editor of a plan. Everything works by its buttons; this makes it quicker.
// [data-handle] drags its [data-milestone] among its siblings, and the arrow keys move it; both
// press what the buttons press. What is not saved yet is not left without a question. The
// preview fetches itself after each save, and on a narrow screen begins folded. A form that is
// [data-unsaved] came back without being kept. A button that sends the form into a frame does
// so by itself.
const narrow = matchMedia("(max-width: 75rem)");
const editor = () => document.querySelector("[data-plan-editor]");
let unsaved = Boolean(editor()?.matches("[data-unsaved]"));
let dragged = null;

function press(value) {
  const form = editor();
  form?.requestSubmit(form.querySelector(`button[name=do][value="${CSS.escape(value)}"]:not(:disabled)`) ?? undefined);
}

// --- moving by hand ---
document.addEventListener("pointerdown", (event) => {
  const handle = event.target.closest("[data-handle]");
  if (!handle || event.button !== 0) return;
  dragged = handle.closest("[data-milestone]");
  dragged.dataset.dragged = "";
  dragged.dataset.from = String([...dragged.parentElement.children].indexOf(dragged));
  handle.setPointerCapture(event.pointerId);
  event.preventDefault();
  handle.focus({ preventScroll: true });
});

document.addEventListener("pointermove", (event) => {
  if (!dragged) return;
  const over = document.elementFromPoint(event.clientX, event.clientY)?.closest("[data-milestone]");
  if (!over || over === dragged || over.parentElement !== dragged.parentElement) return;
  const box = over.getBoundingClientRect();
  const isAfter = Boolean(over.compareDocumentPosition(dragged) & Node.DOCUMENT_POSITION_PRECEDING);
  const middle = box.top + box.height / 2;
  if (isAfter && event.clientY > Math.min(middle, box.top + 60)) over.after(dragged);
  else if (!isAfter && event.clientY < Math.max(middle, box.bottom - 60)) over.before(dragged);
});

function drop() {
  if (!dragged) return;
  const moved = dragged.dataset.from !== String([...dragged.parentElement.children].indexOf(dragged));
  delete dragged.dataset.dragged;
  dragged = null;
  if (moved) press(editor().querySelector("button[name=do]").value);
}
document.addEventListener("pointerup", drop);
document.addEventListener("pointercancel", drop);

document.addEventListener("keydown", (event) => {
  const handle = event.target.closest?.("[data-handle]");
  if (!handle || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
  event.preventDefault();
  const key = handle.closest("[data-milestone]").id.slice("milestone-".length);
  const button = document.getElementById(`${event.key === "ArrowUp" ? "up" : "down"}-${key}`);
  if (button && !button.disabled) button.click();
});

// --- saving ---
document.addEventListener("submit", (event) => {
  if (event.submitter?.formTarget) event.stopImmediatePropagation();
}, true);
document.addEventListener("input", (event) => {
  if (event.target.closest("[data-plan-editor]")) unsaved = true;
});
document.addEventListener("submit", (event) => {
  if (event.target.matches("[data-plan-editor]")) unsaved = false;
});
for (const refused of ["htmx:responseError", "htmx:sendError"]) {
  document.addEventListener(refused, (event) => {
    if (event.detail.requestConfig?.verb !== "get" && editor()) unsaved = true;
  });
}
document.addEventListener("plan-saved", () => {
  unsaved = false;
  const preview = document.querySelector("[data-plan-preview]");
  if (preview?.contentWindow && preview.closest("details").open) preview.contentWindow.location.reload();
});
addEventListener("beforeunload", (event) => {
  if (unsaved) event.preventDefault();
});

// --- where to go on after the editor was put in place anew ---
document.addEventListener("htmx:afterSettle", (event) => {
  const form = editor();
  if (event.target !== form && event.detail.elt !== form) return;
  if (form.matches("[data-unsaved]")) unsaved = true;
  const told = form.querySelector("[data-take-focus]");
  if (told) return told.focus();
  const [verb, key, side] = (form.dataset.acted ?? "").split(":");
  if (verb === "check") return form.querySelector("#findings")?.focus();
  if (verb === "promise") {
    const button = document.getElementById(`add-${side === "member" ? "theirs" : "ours"}-${key}`);
    const titles = button?.parentElement.querySelectorAll("input[name$='-title']");
    return titles?.[titles.length - 1]?.focus();
  }
  const place = form.querySelector("[data-look-at]");
  if (verb === "add" || verb === "add-beside") return place?.querySelector("input[name$='-title']")?.focus();
  const held = document.activeElement;
  if (held && held !== document.body && !held.disabled) return held.scrollIntoView({ block: "nearest" });
  if (verb === "up" || verb === "down") {
    return place?.querySelector(`#${CSS.escape(`${verb === "up" ? "down" : "up"}-${key}`)}`)?.focus();
  }
  place?.focus();
});

// --- the preview ---
const fold = document.querySelector("[data-preview-fold]");
if (fold && narrow.matches) fold.open = false;
fold?.addEventListener("toggle", () => {
  if (fold.open) fold.querySelector("iframe")?.contentWindow?.location.reload();
});
