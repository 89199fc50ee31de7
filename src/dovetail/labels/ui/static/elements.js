// Making elements without markup: what tasks and label configs say reaches the page as text only.

/** @typedef {Record<string, string | number | boolean | EventListener | undefined>} Attributes */

/**
 * Make an element. A key `text` is its text, `onclick` and the like are listeners.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag @param {Attributes} [attributes] @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (key === "text") made.textContent = String(value);
    else if (typeof value === "function") made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : String(value));
  }
  made.append(...children);
  return made;
}

/** The hues that labels take in turn where the config names no colour. */
const HUES = [212, 28, 140, 285, 350, 180, 55, 250, 100, 320];

/**
 * Give an element the colour of an option, as the custom property `--hue`.
 * @param {HTMLElement} element @param {import("./answers.js").Option | undefined} option
 * @param {number} index Where the option stands in its control.
 */
export function paint(element, option, index) {
  const wanted = option?.background ?? "";
  const fine = wanted && !/[(;]/.test(wanted) && CSS.supports("color", wanted);
  const hue = HUES[Math.max(index, 0) % HUES.length];
  element.style.setProperty("--hue", fine ? wanted : `hsl(${hue} 62% 48%)`);
}

/** A key as it is shown. @param {string} key */
export function keycap(key) {
  const names = /** @type {Record<string, string>} */ ({ " ": "space", ArrowLeft: "←", ArrowRight: "→", Enter: "↵" });
  return make("kbd", { text: names[key] ?? key, "aria-hidden": "true" });
}

/** Whether the reader types into a field. @param {EventTarget | null} target */
export function isField(target) {
  return target instanceof Element && !!target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
}

/** A new id in the form that Label Studio gives regions. @param {number} [length] */
export function newId(length = 10) {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  return [...crypto.getRandomValues(new Uint8Array(length))].map((byte) => letters[byte % 62]).join("");
}

/** A universally unique id, on plain http addresses too, where crypto.randomUUID is not. */
export function newUuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
