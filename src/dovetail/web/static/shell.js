// The keys, the theme and the loading of bigger elements, for every page.

const help = /** @type {HTMLDialogElement} */ (document.getElementById("help"));
const THEMES = ["", "light", "dark"];
const NAMES = { "": "auto", light: "light", dark: "dark" };

/** The addresses of the elements that a page loads only where it has one. */
const addresses = JSON.parse(document.getElementById("elements")?.textContent ?? "{}");

/** Load the modules of the elements that stand somewhere below a node. @param {ParentNode} root */
function loadElements(root) {
  for (const name of ["line-chart", "event-timeline"]) {
    if (root.querySelector(name) && !customElements.get(name)) import(addresses[name]);
  }
}

/** Show the theme's name on its button. */
function nameTheme() {
  const theme = /** @type {keyof typeof NAMES} */ (document.documentElement.dataset.theme ?? "");
  const button = document.getElementById("theme");
  if (button) button.textContent = `Theme: ${NAMES[theme]}`;
}

/** Go on to the next theme and keep it in a cookie, so that the server sends it from the start. */
function turnTheme() {
  const root = document.documentElement;
  const next = THEMES[(THEMES.indexOf(root.dataset.theme ?? "") + 1) % THEMES.length];
  if (next) root.dataset.theme = next;
  else delete root.dataset.theme;
  document.cookie = `dovetail_theme=${next};path=/;max-age=31536000;samesite=lax`;
  nameTheme();
  document.dispatchEvent(new CustomEvent("dovetail:theme"));
}

/** Focus the next or previous row link or event of the page. @param {1 | -1} step */
function moveRow(step) {
  const stops = /** @type {HTMLElement[]} */ ([
    ...document.querySelectorAll("main tbody tr, main event-timeline li"),
  ].map((row) => row.querySelector("a, button")).filter(Boolean));
  if (!stops.length) return;
  const at = stops.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  const next = at < 0 ? (step > 0 ? 0 : stops.length - 1) : at + step;
  stops[Math.min(Math.max(next, 0), stops.length - 1)].focus();
}

/** @type {Record<string, () => void>} */
const ACTIONS = {
  "?": () => help.showModal(),
  t: turnTheme,
  j: () => moveRow(1),
  k: () => moveRow(-1),
  r: () => document.dispatchEvent(new CustomEvent("dovetail:refresh")),
};
let goUntil = 0;

/** @param {KeyboardEvent} event */
function onKey(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
  if (target.closest?.("input, textarea, select, [contenteditable]")) return;
  if (Date.now() < goUntil) {
    goUntil = 0;
    const link = document.querySelector(`nav a[data-key="${CSS.escape(event.key)}"]`);
    if (link instanceof HTMLAnchorElement) link.click();
  } else if (event.key === "g") {
    goUntil = Date.now() + 1500;
  } else if (Object.hasOwn(ACTIONS, event.key)) {
    event.preventDefault();
    ACTIONS[event.key]();
  }
}

document.addEventListener("keydown", onKey);
for (const [id, act] of /** @type {const} */ ([["theme", turnTheme], ["keys", () => help.showModal()]])) {
  const button = document.getElementById(id);
  if (!button) continue;
  button.hidden = false;
  button.addEventListener("click", act);
}
nameTheme();
loadElements(document);
document.addEventListener("htmx:afterSettle", () => loadElements(document));
