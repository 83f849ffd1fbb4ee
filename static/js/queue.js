// Single-letter shortcuts of a queue.
// [data-queue] holds [data-queue-item]s; j and k move, and open the item's [data-queue-open].
// x ticks the item's [data-bulk-row], Shift+X all from the one ticked last.
// Any other letter presses the visible button with that data-key. "?" opens [data-help].
// [data-shortcuts-switch] turns all of it off and on (WCAG 2.1.4), remembered here.
const STORE = "waymark-shortcuts";
// Where letters are typed; a radio button or a tick box takes none.
const WRITING = "input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable=true]";
const root = document.documentElement;

function stored() {
  try {
    return localStorage.getItem(STORE) || "on";
  } catch {
    return "on";
  }
}

function setShortcuts(value) {
  root.dataset.shortcuts = value;
  for (const box of document.querySelectorAll("[data-shortcuts-switch]")) box.checked = value === "on";
}
setShortcuts(stored());

document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-shortcuts-switch]")) return;
  const value = event.target.checked ? "on" : "off";
  setShortcuts(value);
  try {
    localStorage.setItem(STORE, value);
  } catch {
    // Holds for this page.
  }
});

function items() {
  return [...document.querySelectorAll("[data-queue] [data-queue-item]")];
}

function current(all) {
  return all.findIndex((item) => item.hasAttribute("data-selected") || item.getAttribute("aria-current") === "true");
}

function select(item, all) {
  for (const other of all) {
    other.toggleAttribute("data-selected", other === item);
    if (other === item) other.setAttribute("aria-current", "true");
    else other.removeAttribute("aria-current");
  }
  item.scrollIntoView({ block: "nearest" });
  const link = item.querySelector("[data-queue-open]");
  if (link) {
    link.focus({ preventScroll: true });
    if (link.hasAttribute("hx-get")) link.click();
  }
}

function move(step) {
  const all = items();
  if (!all.length) return false;
  const at = current(all);
  const next = at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + step, 0), all.length - 1);
  if (next !== at) select(all[next], all);
  return true;
}

let lastTicked = null;

function tick(range) {
  const all = items();
  const at = current(all);
  const box = all[at]?.querySelector("[data-bulk-row]");
  if (!box) return false;
  const from = range ? all.indexOf(lastTicked) : at;
  if (from < 0 || from === at) box.checked = !box.checked;
  else {
    for (const item of all.slice(Math.min(from, at), Math.max(from, at) + 1)) {
      item.querySelector("[data-bulk-row]").checked = true;
    }
  }
  lastTicked = all[at];
  box.dispatchEvent(new Event("change", { bubbles: true }));
  return true;
}

function press(key) {
  const buttons = [...document.querySelectorAll(`[data-key="${CSS.escape(key)}"]`)]
    .filter((one) => !one.disabled && one.checkVisibility?.() !== false);
  // What stands in a form that is open is meant before what stands around it.
  const button = buttons.find((one) => one.closest("details[open] form")) || buttons[0];
  if (!button) return false;
  button.click();
  return true;
}

document.addEventListener("click", (event) => {
  const item = event.target.closest("[data-queue-item]");
  if (!item || !event.target.closest("[data-queue-open]")) return;
  for (const other of items()) {
    other.toggleAttribute("data-selected", other === item);
    if (other === item) other.setAttribute("aria-current", "true");
    else other.removeAttribute("aria-current");
  }
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || root.dataset.shortcuts === "off") return;
  if (event.target.closest(WRITING) || document.querySelector("dialog[open]")) return;
  let done = false;
  if (event.key === "?") {
    const help = document.querySelector("dialog[data-help]");
    help?.showModal();
    done = Boolean(help);
  } else if (event.key === "j") done = move(1);
  else if (event.key === "k") done = move(-1);
  else if (event.key === "X") done = tick(true);
  else if (/^[a-z]$/.test(event.key)) done = press(event.key) || (event.key === "x" && tick(false));
  if (done) event.preventDefault();
});
