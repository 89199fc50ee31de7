// The items that come next, loaded before they are needed: at least ten, with their pictures, so that
// the next one stands there at once and a lost connection is not felt for a while.

import { picturesOf } from "./objects.js";

/** @typedef {{id: number, model_version: string, score: number | null, result: import("./answers.js").Region[]}} Prediction */
/** @typedef {{id: number, data: Record<string, any>, prediction: Prediction | null, remark?: string}} Item */

export const AHEAD = 10;

/** The items of one project that wait for this person. It tells `filled` when some came or none is left. */
export class Queue extends EventTarget {
  /** @type {Item[]} */ #items = [];
  #asking = false;
  #pause = 0;
  /** Whether the server has no more. */ empty = false;
  /** Why none could be loaded; "" while all is well. */ problem = "";
  /** How many items of the project are open, as the server last said. */ left = 0;

  /**
   * @param {string} address Where items are handed out.
   * @param {import("./answers.js").Config} config
   * @param {() => number[]} answered The tasks that were answered here and may not be known there.
   */
  constructor(address, config, answered) {
    super();
    this.address = address;
    this.config = config;
    this.answered = answered;
    addEventListener("online", () => this.fill());
  }

  get size() { return this.#items.length; }

  /** Take the next item. @returns {Item | undefined} */
  take() {
    const item = this.#items.shift();
    // It is on the desk from now on: it must not be handed out again, however fast it is answered.
    this.fill(item ? [item.id] : this.#shown);
    return item;
  }

  /** Put an item back to the front. @param {Item} item */
  back(item) {
    this.#items = [item, ...this.#items.filter((one) => one.id !== item.id)];
  }

  /** Tasks that another window of this person shows or has answered. @type {Set<number>} */ #elsewhere = new Set();

  /** Leave an item to another window of this person. @param {number} task */
  leave(task) {
    this.#elsewhere.add(task);
    this.#items = this.#items.filter((one) => one.id !== task);
  }

  /** Other windows may be closed by now. @returns {boolean} Whether items were left to any. */
  forgetOthers() {
    const had = this.#elsewhere.size > 0;
    this.#elsewhere.clear();
    return had;
  }

  /** Load more where fewer than ten wait. @param {number[]} [shown] Tasks that are on the desk. */
  async fill(shown = this.#shown) {
    this.#shown = shown;
    if (this.#asking || this.#items.length > AHEAD) return;
    this.#asking = true;
    clearTimeout(this.#pause);
    const held = [...shown, ...this.#elsewhere, ...this.#items.map((one) => one.id), ...this.answered()];
    const mark = this.address.includes("?") ? "&" : "?";
    try {
      const answer = await fetch(`${this.address}${mark}count=${2 * AHEAD}&without=${[...new Set(held)].join(",")}`, {
        headers: { Accept: "application/json" }, redirect: "error", signal: AbortSignal.timeout(60_000),
      });
      if (!answer.ok) throw new Error(await reasonOf(answer));
      const said = await answer.json();
      this.#add(said.items);
      this.left = said.left;
      this.empty = said.items.length === 0;
      this.problem = "";
    } catch (error) {
      this.problem = error instanceof TypeError || !(error instanceof Error) ? "The server does not answer." : error.message;
      this.#pause = setTimeout(() => this.fill(), 3000);
    }
    this.#asking = false;
    this.dispatchEvent(new Event("filled"));
  }

  /** @type {number[]} */ #shown = [];

  /** @param {Item[]} items */
  #add(items) {
    const held = new Set([...this.#shown, ...this.#elsewhere, ...this.#items.map((one) => one.id), ...this.answered()]);
    for (const item of items) {
      if (held.has(item.id)) continue;
      this.#items.push(item);
      for (const address of picturesOf(this.config, item.data)) new Image().src = address;
    }
  }
}

/** Why the server hands out nothing. @param {Response} answer */
async function reasonOf(answer) {
  if (answer.status === 401) return "You are signed out.";
  const said = await answer.json().catch(() => ({}));
  return said.detail ?? said.title ?? `The server answered ${answer.status}.`;
}
