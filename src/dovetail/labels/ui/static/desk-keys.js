// The keys of the desk. They are taken before the page's own, so that a config may use any letter.

import { isField } from "./elements.js";

/** What keys can do. @typedef {object} Deeds
 * @property {() => void} save @property {() => void} skip @property {() => void} undo
 * @property {(step: 1 | -1) => void} walk @property {() => import("./sitting.js").Sitting | null} sitting
 * @property {() => boolean} isBusy Whether an item is on its way. */

/** Listens for one desk. */
export class DeskKeys {
  #goUntil = 0;
  /** Keys pressed while an item was on its way: meant for that item. @type {KeyboardEvent[]} */ #later = [];

  /** @param {Deeds} deeds */
  constructor(deeds) {
    this.deeds = deeds;
    document.addEventListener("keydown", (event) => {
      if (!this.#isOurs(event) || !this.#act(event)) return;
      event.preventDefault();
      event.stopPropagation();
    }, { capture: true });
  }

  /** Do what was asked for while an item was on its way. */
  replay() {
    for (let event = this.#later.shift(); event && !this.deeds.isBusy(); event = this.#later.shift()) this.#act(event);
  }

  /** Whether a key is for the desk, not for a dialog, the browser or the navigation. @param {KeyboardEvent} event */
  #isOurs(event) {
    if (document.querySelector("dialog[open]") || event.isComposing) return false;
    const going = performance.now() < this.#goUntil;
    this.#goUntil = event.key === "g" && !this.deeds.sitting()?.keys.has("g") && !isField(event.target) ? performance.now() + 1500 : 0;
    return !going;
  }

  /** @param {KeyboardEvent} event @returns {boolean} Whether it did something. */
  #act(event) {
    const { deeds } = this;
    if (deeds.isBusy()) { this.#later.push(event); return true; }
    const command = event.ctrlKey || event.metaKey;
    if (isField(event.target)) return this.#inField(event, command);
    if (command && event.key.toLowerCase() === "z") { deeds.undo(); return true; }
    if (command) return command && event.key === "Enter" ? (deeds.save(), true) : false;
    const sitting = deeds.sitting();
    if (sitting?.move(event)) return true;
    if (event.altKey || this.#isNative(event)) return false;
    const target = sitting?.keys.get(event.key);
    if (target && sitting) {
      if (!event.repeat) sitting.controls.choose(target.control, target.value);
      return true;
    }
    return this.#own(event, sitting);
  }

  /** @param {KeyboardEvent} event @param {boolean} command */
  #inField(event, command) {
    const field = /** @type {HTMLElement} */ (event.target);
    if (event.key === "Escape") { field.blur(); return true; }
    const lines = field instanceof HTMLTextAreaElement && field.rows > 1;
    if (event.key !== "Enter" || event.shiftKey || (lines && !command) || !field.closest("label-desk")) return false;
    this.deeds.save();
    return true;
  }

  /** Whether the focused element takes this key itself. @param {KeyboardEvent} event */
  #isNative(event) {
    const target = event.target instanceof Element ? event.target.closest("a, button, summary") : null;
    if (!target) return false;
    if (event.key === " ") return true;
    return event.key === "Enter" && !target.classList.contains("option");
  }

  /** @param {KeyboardEvent} event @param {import("./sitting.js").Sitting | null} sitting */
  #own(event, sitting) {
    const { deeds } = this;
    /** @type {Record<string, () => unknown>} */
    const acts = {
      Enter: deeds.save, x: deeds.skip, " ": deeds.skip, u: deeds.undo,
      ArrowLeft: () => deeds.walk(-1), ArrowRight: () => deeds.walk(1),
      "[": () => sitting?.step(-1), "]": () => sitting?.step(1),
      Delete: () => sitting?.remove(), Backspace: () => sitting?.remove(),
      n: () => sitting?.newBox() ?? false, "+": () => sitting?.zoom(1.5), "-": () => sitting?.zoom(1 / 1.5),
      h: () => document.querySelector(".instruction")?.toggleAttribute("open"),
      Escape: () => { document.getSelection()?.removeAllRanges(); sitting?.release(); },
    };
    if (!Object.hasOwn(acts, event.key)) return false;
    if (event.repeat && (event.key === "Enter" || event.key === " " || event.key === "x")) return true;
    return acts[event.key]() !== false;
  }
}
