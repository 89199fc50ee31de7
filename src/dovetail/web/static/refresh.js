// A live page asks for its main part again and again. This makes that calm: nothing is swapped when
// nothing changed, while the reader is in a form or moves by keyboard, or in a tab that nobody sees; and the foot of the
// page says so when the server no longer answers.

const main = /** @type {HTMLElement} */ (document.getElementById("main"));
const fresh = document.getElementById("fresh");

/** Whether a refresh would come in the way of the reader. */
function isBusy() {
  const active = document.activeElement;
  return document.hidden || !!document.querySelector("dialog[open]")
    || !!(active && main.contains(active) && active.matches("input, textarea, select, :focus-visible"));
}

document.addEventListener("htmx:configRequest", (event) => {
  const { detail } = /** @type {CustomEvent} */ (event);
  if (detail.elt === main && main.dataset.digest) {
    detail.headers["X-Main-Digest"] = main.dataset.digest;
  }
});

document.addEventListener("htmx:beforeRequest", (event) => {
  const { detail } = /** @type {CustomEvent} */ (event);
  if (detail.elt === main && isBusy()) event.preventDefault();
});

document.addEventListener("dovetail:fresh", (event) => {
  const { asOf, digest } = /** @type {CustomEvent} */ (event).detail;
  main.dataset.digest = digest;
  fresh?.classList.remove("stale");
  fresh?.querySelector("relative-time")?.setAttribute("datetime", asOf);
});

/** Which of the page's details were open, so that a swap does not close them. @type {boolean[]} */
let open = [];
document.addEventListener("htmx:beforeSwap", () => {
  open = [...main.querySelectorAll("details")].map((details) => details.open);
});
document.addEventListener("htmx:afterSwap", () => {
  main.querySelectorAll("details").forEach((details, i) => { details.open = open[i] ?? false; });
});

for (const trouble of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
  document.addEventListener(trouble, () => fresh?.classList.add("stale"));
}

document.addEventListener("dovetail:refresh", () => {
  const htmx = /** @type {any} */ (window).htmx;
  if (htmx && main.hasAttribute("hx-get")) {
    htmx.ajax("GET", main.getAttribute("hx-get"), { source: main, target: main, swap: "innerHTML" });
  } else {
    location.reload();
  }
});
