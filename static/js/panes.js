// A list beside what is open in it.
// [data-panes]: what a script puts in place takes the cursor, without a jump: at what is wrong in
// it, else at its [data-take-focus]; on a narrow screen, where the two take turns, at its top, and
// the list comes back at the row that was open last.
// details[data-focus-inside]: opening it shuts its siblings and moves the cursor to its first
// control; Escape in it shuts it, and shut with the cursor in it, the cursor is at its summary.
// (A shared name would shut the new one when the pane is put in place of the old.)
// [data-expires=seconds]: goes away after that time; held while the cursor is in it.
const narrow = matchMedia("(max-width: 61.9rem)");
const PLACE = "waymark-row";

function keepPlace(id) {
  try {
    if (id) sessionStorage.setItem(PLACE, id);
  } catch {
    // The list begins at its top.
  }
}

function takePlace() {
  try {
    const id = sessionStorage.getItem(PLACE);
    sessionStorage.removeItem(PLACE);
    return id;
  } catch {
    return null;
  }
}

if (narrow.matches && document.querySelector("[data-panes]") && !document.querySelector("#item[data-opened]")) {
  const id = takePlace();
  const row = id && document.querySelector(`[data-queue-item][data-item-id="${CSS.escape(id)}"]`);
  if (row) {
    history.scrollRestoration = "manual";
    row.scrollIntoView({ block: "center", behavior: "instant" });
  }
}

document.addEventListener("htmx:afterSettle", (event) => {
  const panes = event.target.closest?.("[data-panes]");
  if (!panes) return;
  const wrong = panes.querySelector("[data-error-summary]") || panes.querySelector("[aria-invalid=true]");
  const own = narrow.matches ? panes.querySelector(".wm-item h2[tabindex]") : null;
  const target = wrong || panes.querySelector("[data-take-focus]") || own;
  target?.focus({ preventScroll: true });
  if (wrong) wrong.scrollIntoView({ block: "center" });
  else if (narrow.matches) {
    scrollTo(0, 0);
    keepPlace(panes.querySelector("#item[data-opened]")?.dataset.itemId);
  }
  else panes.querySelector("[data-queue-item][data-selected]")?.scrollIntoView({ block: "nearest" });
});

document.addEventListener("toggle", (event) => {
  const details = event.target;
  if (!details.matches?.("details[data-focus-inside]")) return;
  if (!details.open) {
    const at = document.activeElement;
    if (at === document.body || details.contains(at)) details.querySelector("summary").focus();
    return;
  }
  for (const other of details.parentElement.querySelectorAll("details[data-focus-inside][open]")) {
    if (other !== details) other.open = false;
  }
  const summary = details.querySelector("[data-error-summary]");
  const first = details.querySelector("input:not([type=hidden]), select, textarea, button");
  (summary || first)?.focus({ preventScroll: true });
  details.scrollIntoView({ block: "nearest" });
}, true);

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented) return;
  const details = event.target.closest?.("details[data-focus-inside][open]");
  if (!details) return;
  details.open = false;
  event.preventDefault();
});

function expire(element) {
  if (element.dataset.expiring) return;
  element.dataset.expiring = "yes";
  setTimeout(function leave() {
    if (element.contains(document.activeElement)) setTimeout(leave, 1000);
    else element.remove();
  }, Number(element.dataset.expires) * 1000);
}

function start() {
  for (const element of document.querySelectorAll("[data-expires]")) expire(element);
}
document.addEventListener("htmx:load", start);
start();
