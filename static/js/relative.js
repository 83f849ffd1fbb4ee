// time[data-relative]: "2 minutes ago", counted from the server's clock (html[data-now]), because
// a demonstration holds the association's day still.
const loaded = performance.now();
const server = Date.parse(document.documentElement.dataset.now);
const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const STEPS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

function refresh() {
  if (Number.isNaN(server)) return;
  const now = server + performance.now() - loaded;
  for (const element of document.querySelectorAll("time[data-relative]")) {
    const seconds = Math.round((Date.parse(element.dateTime) - now) / 1000);
    const [unit, size] = STEPS.find(([, length]) => Math.abs(seconds) >= length) || ["second", 1];
    const text = words.format(Math.trunc(seconds / size), unit);
    if (element.textContent !== text) element.textContent = text;
  }
}
document.addEventListener("htmx:load", refresh);
setInterval(refresh, 15000);
refresh();
