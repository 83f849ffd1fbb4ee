// A button with data-copy="#id" puts the words of that element on the clipboard and says so.
// It is hidden until this runs, and stays hidden where there is no clipboard.

function ready(root) {
  if (!navigator.clipboard) return;
  for (const button of root.querySelectorAll("[data-copy][hidden]")) button.hidden = false;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  const from = button && document.querySelector(button.dataset.copy);
  if (!from) return;
  await navigator.clipboard.writeText(from.textContent);
  document.dispatchEvent(new CustomEvent("toast", { detail: { text: button.dataset.copied } }));
});
document.addEventListener("htmx:load", (event) => ready(event.target));
ready(document);
