// A queue that others work on too.
// [data-live=address] is asked every 20 seconds while the page is seen; a 304 costs next to
// nothing. Counts ([data-count-class], [data-count-everything], [data-pool-items]) and who holds
// what ([data-held]) change in place. Rows never move by themselves: what is new and what is gone
// is said in [data-live-words], and [data-live-show] puts the list in place anew.
const EVERY = 20_000;
const live = document.querySelector("[data-live]");
let version = "";

function put(selector, value) {
  for (const element of document.querySelectorAll(selector)) element.textContent = value;
}

function rows() {
  return [...document.querySelectorAll("#queue-list [data-item-id]")];
}

function say(fresh, gone) {
  const words = [];
  if (fresh) words.push(live.dataset.new.replace("{n}", fresh));
  if (gone) words.push(live.dataset.gone.replace("{n}", gone));
  const line = live.querySelector("[data-live-words]");
  const text = words.join(", ");
  if (line.textContent !== text) line.textContent = text;
  live.querySelector("[data-live-show]").hidden = !text;
}

function apply(queue) {
  put("[data-count-everything]", queue.everything);
  put("[data-pool-items]", queue.pool);
  for (const element of document.querySelectorAll("[data-count-class]")) {
    element.textContent = queue.classes[element.dataset.countClass] ?? 0;
  }
  const shown = rows();
  const here = new Set(shown.map((row) => row.dataset.itemId));
  const there = new Set(queue.ids);
  for (const row of shown) {
    const id = row.dataset.itemId;
    row.classList.toggle("is-gone", !there.has(id));
    const badge = row.querySelector("[data-held]");
    const holder = queue.held[id];
    if (!badge || !there.has(id)) continue;
    badge.hidden = holder === undefined;
    badge.querySelector("[data-held-words]").textContent = holder === "" ? live.dataset.yours : holder ?? "";
  }
  say(queue.ids.filter((id) => !here.has(id)).length, shown.filter((row) => !there.has(row.dataset.itemId)).length);
}

async function ask() {
  if (document.hidden) return;
  try {
    const answer = await fetch(live.dataset.live, { headers: version ? { "If-None-Match": version } : {}, cache: "no-store" });
    if (answer.status !== 200 || answer.redirected) return;
    version = answer.headers.get("ETag") ?? "";
    apply(await answer.json());
  } catch {
    // The next time will do.
  }
}

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.target?.id !== "queue-list") return;
  const open = document.getElementById("item")?.dataset.itemId;
  for (const row of rows()) {
    const selected = row.dataset.itemId === open;
    row.toggleAttribute("data-selected", selected);
    if (selected) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
  say(0, 0);
});

if (live) {
  setInterval(ask, EVERY);
  document.addEventListener("visibilitychange", ask);
  document.addEventListener("queue-ask", ask);
}
