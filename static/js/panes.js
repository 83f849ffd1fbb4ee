// A list beside what is open in it.
// [data-panes]: on a narrow screen what was just put in place starts at its top.
// details[data-focus-inside]: opening it moves the cursor to its first control.
// [data-expires=seconds]: goes away after that time; held open while the cursor is in it.
const narrow = matchMedia("(max-width: 61.9rem)");

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target.closest?.("[data-panes]") && narrow.matches) scrollTo(0, 0);
});

document.addEventListener("toggle", (event) => {
  const details = event.target;
  if (!details.matches?.("details[data-focus-inside][open]")) return;
  details.querySelector("input:not([type=hidden]), select, textarea, button")?.focus();
}, true);

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
