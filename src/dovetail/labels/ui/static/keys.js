// Which key does what: the config's own hotkeys first, then 1-9 and 0 over all options in order, then
// letters that nothing else uses. The desk's own keys are never given away.

import { controlsOf } from "./answers.js";

/** @typedef {{control: import("./answers.js").Control, value: string}} Target */

const DIGITS = "1234567890";
const LETTERS = "qweasdfzcvbmloip";
/** Keys that the desk or the page itself has. */
const OWN = new Set(["x", "u", "n", "h", " ", "Enter", "?", "[", "]", "+", "-", "Escape", "Delete", "Backspace"]);

/** What can be chosen in a control: its options, the stars of a rating, the sides of a pair. @param {import("./answers.js").Control} control @returns {import("./answers.js").Option[]} */
export function choicesOf(control) {
  if (control.tag === "Rating") {
    const most = Math.min(Math.max(Number(control.attrs.maxrating) || 5, 1), 20);
    return Array.from({ length: most }, (_, i) => ({ value: String(i + 1), hotkey: "" }));
  }
  if (control.tag === "Pairwise") return [{ value: "left", hotkey: "ArrowLeft" }, { value: "right", hotkey: "ArrowRight" }];
  return control.tag === "Rectangle" || control.tag === "Ranker" ? [] : control.options;
}

/**
 * Give each option a key.
 * @param {import("./answers.js").Config} config
 * @returns {Map<string, Target>} From the key, as the browser names it, to the option.
 */
export function keysOf(config) {
  /** @type {Map<string, Target>} */ const keys = new Map();
  /** @type {Target[]} */ const without = [];
  for (const control of controlsOf(config)) {
    for (const option of choicesOf(control)) {
      const wanted = option.hotkey ?? "";
      const target = { control, value: option.value };
      if (wanted && (wanted.length === 1 || wanted.startsWith("Arrow")) && !keys.has(wanted) && !OWN.has(wanted)) keys.set(wanted, target);
      else without.push(target);
    }
  }
  const free = [...DIGITS, ...LETTERS].filter((key) => !keys.has(key) && !OWN.has(key));
  without.slice(0, free.length).forEach((target, i) => keys.set(free[i], target));
  return keys;
}

/** The key of an option, "" for none. @param {Map<string, Target>} keys @param {import("./answers.js").Control} control @param {string} value */
export function keyFor(keys, control, value) {
  for (const [key, target] of keys) if (target.control === control && target.value === value) return key;
  return "";
}
