// [data-count-url]: a number beside an entry of the rail, asked for once the page is there and
// each minute while it is seen. The address answers 304 while nothing has changed.
const badge = document.querySelector("[data-count-url]");
let version = "";

async function ask() {
  if (document.hidden) return;
  try {
    const answer = await fetch(badge.dataset.countUrl, { headers: version ? { "If-None-Match": version } : {}, cache: "no-store" });
    if (answer.status !== 200 || answer.redirected) return;
    version = answer.headers.get("ETag") ?? "";
    const { count, words } = await answer.json();
    badge.textContent = count.toLocaleString("en");
    badge.title = words;
    badge.hidden = count === 0;
  } catch {
    // The next time will do.
  }
}

if (badge) {
  ask();
  setInterval(ask, 60_000);
  document.addEventListener("visibilitychange", ask);
}
