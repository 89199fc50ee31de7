// <Ranker>: the entries of a list in order, or in buckets. Arrows move the entry that has the focus, and a
// mouse or a finger drags it by its handle. The answer is Label Studio's: ids by the name of the bucket, or by
// the ranker's own name; entries that are in no bucket stand under "_".

import { make } from "./elements.js";

/** @typedef {import("./answers.js").Control} Control */
/** @typedef {import("./answers.js").Answers} Answers */
/** @typedef {{key: string, title: string}} Column */

const REST = "_";

/** The columns of a ranker, the one where entries are at first in front. @param {Control} control @returns {Column[]} */
function columnsOf(control) {
  const buckets = control.options.map((one) => ({ key: one.value, title: one.text || one.value }));
  if (!buckets.length) return [{ key: control.name, title: "" }];
  return control.options.some((one) => one.selected) ? buckets : [{ key: REST, title: "Not sorted yet" }, ...buckets];
}

/** One ranker of an item. */
export class Ranking {
  /** What is dragged, and the order that this would give. @type {{id: string, order: Map<string, string[]>} | null} */ #held = null;

  /** @param {Control} control @param {Answers} answers */
  constructor(control, answers) {
    this.control = control;
    this.answers = answers;
    this.columns = columnsOf(control);
    this.entries = new Map((control.entries ?? []).map((one) => [one.id, one]));
    this.first = control.options.find((one) => one.selected)?.value ?? this.columns[0].key;
    this.lists = new Map(this.columns.map(({ key, title }) => [key, make("ol", { class: "ranked", "data-key": key, "aria-label": title || control.name })]));
    this.told = make("output", { class: "hidden" });
    this.fine = make("button", { type: "button", text: "This order is right", onclick: () => this.#say(this.order) });
    const help = make("p", { class: "note", text: this.columns.length > 1 ? "Drag by the handle; or Tab to an entry, ↑ ↓ move it, ← → take it to another column." : "Drag by the handle; or Tab to an entry, and ↑ ↓ move it." });
    this.root = make("div", { class: "ranking" }, help, make("div", { class: "columns" }, ...this.columns.map(({ key, title }) => make("div", {}, ...(title ? [make("h3", { text: title })] : []), /** @type {HTMLElement} */ (this.lists.get(key))))), this.fine, this.told);
    this.draw();
  }

  /** Ids by column, as answered or as the task has them. @returns {Map<string, string[]>} */
  get order() {
    const said = this.answers.valueOf(this.control);
    const given = Array.isArray(said) ? { [this.control.name]: said } : said ?? {};
    const order = new Map(this.columns.map(({ key }) => [key, (Array.isArray(given[key]) ? given[key] : []).map(String).filter((/** @type {string} */ id) => this.entries.has(id))]));
    const placed = new Set([...order.values()].flat());
    order.get(this.first)?.push(...[...this.entries.keys()].filter((id) => !placed.has(id)));
    return order;
  }

  /** @param {Map<string, string[]>} order */
  #say(order) { this.answers.setValue(this.control, Object.fromEntries(order)); }

  /** An order with an entry elsewhere. @param {string} id @param {string} key @param {number} at @returns {Map<string, string[]>} */
  #with(id, key, at) {
    const order = new Map([...this.order].map(([one, ids]) => [one, ids.filter((other) => other !== id)]));
    order.get(key)?.splice(at, 0, id);
    return order;
  }

  /** Show the order; the focus stays where it was. */
  draw() {
    const focused = document.activeElement instanceof HTMLElement && this.root.contains(document.activeElement) ? document.activeElement.dataset.id : undefined;
    for (const [key, ids] of this.#held?.order ?? this.order) {
      this.lists.get(key)?.replaceChildren(...ids.map((id) => this.#entry(id)));
    }
    this.fine.hidden = this.columns.length > 1 || this.answers.valueOf(this.control) !== undefined;
    if (focused) this.#find(focused)?.focus({ preventScroll: true });
  }

  /** @param {string} id @returns {HTMLElement | undefined} */
  #find(id) { return /** @type {HTMLElement[]} */ ([...this.root.querySelectorAll("[data-id]")]).find((one) => one.dataset.id === id); }

  /** @param {string} id */
  #entry(id) {
    const { title, body } = this.entries.get(id) ?? { title: id, body: "" };
    const handle = make("span", { class: "handle", "aria-hidden": "true", text: "⠿", onpointerdown: (event) => this.#take(id, /** @type {PointerEvent} */ (event)) });
    return make("li", { tabindex: 0, "data-id": id, class: this.#held?.id === id ? "held" : undefined }, handle, make("div", {}, make("b", { text: title }), ...(body ? [make("p", { text: body })] : [])));
  }

  /** Move the entry that has the focus. @param {KeyboardEvent} event @returns {boolean} Whether the key did. */
  move(event) {
    const id = document.activeElement instanceof HTMLElement && this.root.contains(document.activeElement) ? document.activeElement.dataset.id : undefined;
    if (id === undefined || !event.key.startsWith("Arrow") || event.ctrlKey || event.metaKey || event.altKey) return false;
    const at = this.columns.findIndex(({ key }) => this.order.get(key)?.includes(id));
    const ids = this.order.get(this.columns[at].key) ?? [];
    const step = event.key === "ArrowUp" || event.key === "ArrowLeft" ? -1 : 1;
    if (event.key === "ArrowUp" || event.key === "ArrowDown") this.#go(id, this.columns[at], Math.min(Math.max(ids.indexOf(id) + step, 0), ids.length - 1));
    else if (this.columns[at + step]) this.#go(id, this.columns[at + step], this.order.get(this.columns[at + step].key)?.length ?? 0);
    return true;
  }

  /** @param {string} id @param {Column} column @param {number} at */
  #go(id, column, at) {
    const order = this.#with(id, column.key, at);
    if (JSON.stringify([...order]) !== JSON.stringify([...this.order])) this.#say(order);
    this.told.textContent = `${this.entries.get(id)?.title}: ${at + 1} of ${order.get(column.key)?.length}${column.title ? ` in ${column.title}` : ""}`;
    this.#find(id)?.scrollIntoView({ block: "nearest" });
  }

  /** Drag an entry until the pointer is let go. @param {string} id @param {PointerEvent} event */
  #take(id, event) {
    if (event.button) return;
    event.preventDefault();
    this.#held = { id, order: this.order };
    const ended = new AbortController();
    const end = (/** @type {boolean} */ isDone) => {
      const order = this.#held?.order;
      this.#held = null;
      ended.abort();
      if (isDone && order && JSON.stringify([...order]) !== JSON.stringify([...this.order])) this.#say(order);
      else this.draw();
    };
    document.addEventListener("pointermove", (moved) => this.#drag(id, moved), { signal: ended.signal });
    document.addEventListener("pointerup", () => end(true), { signal: ended.signal });
    document.addEventListener("pointercancel", () => end(false), { signal: ended.signal });
    this.draw();
  }

  /** @param {string} id @param {PointerEvent} event */
  #drag(id, event) {
    const list = [...this.lists.values()].find((one) => {
      const box = (one.parentElement ?? one).getBoundingClientRect();
      return event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top - 40 && event.clientY <= box.bottom + 40;
    });
    if (!list || !this.#held) return;
    const others = /** @type {HTMLElement[]} */ ([...list.children]).filter((one) => one.dataset.id !== id);
    const before = others.findIndex((one) => { const box = one.getBoundingClientRect(); return event.clientY < box.top + box.height / 2; });
    this.#held.order = this.#with(id, list.dataset.key ?? "", before < 0 ? others.length : before);
    this.draw();
  }
}

/** What a ranker says, in words. @param {Control} control @param {any} value */
export function ranksInWords(control, value) {
  const named = new Map((control.entries ?? []).map((one) => [one.id, one.title]));
  const given = Array.isArray(value) ? { [control.name]: value } : value ?? {};
  const parts = Object.entries(given).filter(([key, ids]) => key !== REST && Array.isArray(ids));
  return parts.map(([key, ids]) => {
    const words = ids.map((/** @type {unknown} */ id, /** @type {number} */ i) => `${i + 1}. ${named.get(String(id)) ?? id}`).join(", ");
    return control.options.length ? `${control.options.find((one) => one.value === key)?.text || key}: ${words || "none"}` : words;
  }).join("; ");
}
