// <parallel-coordinates>: chooses ranges on the axes of the drawing that the server made.
//
// Runs outside a range fade, and a line beneath says which are left and leads to a comparison of them.
// Each axis takes a range by dragging, or by keyboard: + narrows, the arrows move, - widens, Escape clears.

/**
 * @typedef {{name: string, values: (number|string|null)[], places: (number|null)[], ticks: [number, string][]}} Axis
 * @typedef {{run_id: string, name: string, href: string}} Run
 */

const SPACE = "http://www.w3.org/2000/svg";
const STEP = 0.05;

class ParallelCoordinates extends HTMLElement {
  /** @type {Axis[]} */ #axes = [];
  /** @type {Run[]} */ #runs = [];
  /** The chosen part of each axis, places from 0 to 1. @type {Map<number, [number, number]>} */ #ranges = new Map();
  /** @type {AbortController | undefined} */ #life;

  connectedCallback() {
    const given = JSON.parse(this.querySelector("script")?.textContent ?? "null");
    const svg = this.querySelector("svg");
    if (!given || !svg) return;
    this.#axes = given.axes;
    this.#runs = given.runs;
    this.#life = new AbortController();
    for (const group of svg.querySelectorAll("g.axis")) this.#enliven(/** @type {SVGGElement} */ (group), svg);
    this.#show();
  }

  disconnectedCallback() {
    this.#life?.abort();
  }

  /** The y of the ends of an axis, from its spine. @param {SVGGElement} group @returns {[number, number]} */
  static #ends(group) {
    const box = /** @type {SVGPathElement} */ (group.querySelector(".spine")).getBBox();
    return [box.y + box.height, box.y];
  }

  /** Let an axis take a range. @param {SVGGElement} group @param {SVGSVGElement} svg */
  #enliven(group, svg) {
    const index = Number(group.dataset.axis);
    const x = Number(group.dataset.x);
    const [bottom, top] = ParallelCoordinates.#ends(group);
    const rect = document.createElementNS(SPACE, "rect");
    rect.setAttribute("class", "brush");
    rect.setAttribute("x", String(x - 9));
    rect.setAttribute("width", "18");
    const grip = document.createElementNS(SPACE, "rect");
    grip.setAttribute("class", "grip");
    for (const [name, value] of Object.entries({ x: x - 14, y: top - 6, width: 28, height: bottom - top + 12 })) grip.setAttribute(name, String(value));
    group.append(rect, grip);
    group.setAttribute("tabindex", "0");
    group.setAttribute("role", "group");
    const signal = this.#life?.signal;
    group.addEventListener("keydown", (event) => this.#onKey(event, index), { signal });
    grip.addEventListener("pointerdown", (event) => this.#onDrag(event, index, svg, bottom, top), { signal });
  }

  /** @param {PointerEvent} event @param {number} index @param {SVGSVGElement} svg @param {number} bottom @param {number} top */
  #onDrag(event, index, svg, bottom, top) {
    const grip = /** @type {SVGRectElement} */ (event.currentTarget);
    const place = (/** @type {PointerEvent} */ at) => {
      const matrix = svg.getScreenCTM();
      const y = matrix ? new DOMPoint(at.clientX, at.clientY).matrixTransform(matrix.inverse()).y : bottom;
      return Math.min(1, Math.max(0, (bottom - y) / (bottom - top)));
    };
    const start = place(event);
    const move = (/** @type {PointerEvent} */ at) => {
      const end = place(at);
      if (Math.abs(end - start) < 0.01) this.#ranges.delete(index);
      else this.#ranges.set(index, [Math.min(start, end), Math.max(start, end)]);
      this.#show();
    };
    const signal = this.#life?.signal;
    event.preventDefault();
    grip.setPointerCapture(event.pointerId);
    grip.addEventListener("pointermove", move, { signal });
    grip.addEventListener("pointerup", () => grip.removeEventListener("pointermove", move), { once: true, signal });
    move(event);
  }

  /** @param {KeyboardEvent} event @param {number} index */
  #onKey(event, index) {
    const [low, high] = this.#ranges.get(index) ?? [0, 1];
    const width = high - low;
    /** @type {[number, number] | null | undefined} */
    let next;
    if (event.key === "Escape") next = null;
    else if (event.key === "+") next = [low + width / 4, high - width / 4];
    else if (event.key === "-") next = [low - width / 2, high + width / 2];
    else if (event.key === "ArrowUp") next = [Math.min(low + STEP, 1 - width), Math.min(high + STEP, 1)];
    else if (event.key === "ArrowDown") next = [Math.max(low - STEP, 0), Math.max(high - STEP, width)];
    if (next === undefined) return;
    event.preventDefault();
    if (next === null || (next[0] <= 0.001 && next[1] >= 0.999)) this.#ranges.delete(index);
    else this.#ranges.set(index, [Math.max(0, next[0]), Math.min(1, next[1])]);
    this.#show();
  }

  /** Whether a run lies in every range. @param {number} run */
  #isInside(run) {
    return [...this.#ranges].every(([axis, [low, high]]) => {
      const place = this.#axes[axis].places[run];
      return place !== null && place >= low - 1e-9 && place <= high + 1e-9;
    });
  }

  /** What a range holds, in the values of its runs. @param {number} axis @param {number[]} left */
  #words(axis, left) {
    const { name, values } = this.#axes[axis];
    const held = left.map((run) => values[run]);
    const numbers = held.map(Number).filter((value) => !Number.isNaN(value));
    const word = (/** @type {number} */ value) => String(Number(value.toPrecision(4)));
    if (held.length && numbers.length === held.length) return `${name} ${word(Math.min(...numbers))} to ${word(Math.max(...numbers))}`;
    return `${name} ${[...new Set(held)].slice(0, 4).join(", ")}`;
  }

  #show() {
    const left = this.#runs.map((_, run) => run).filter((run) => this.#isInside(run));
    const kept = new Set(left);
    for (const line of this.querySelectorAll("path.run")) {
      line.classList.toggle("off", !kept.has(Number(/** @type {SVGElement} */ (line).dataset.run)));
    }
    for (const group of /** @type {NodeListOf<SVGGElement>} */ (this.querySelectorAll("g.axis"))) {
      const range = this.#ranges.get(Number(group.dataset.axis));
      const [bottom, top] = ParallelCoordinates.#ends(group);
      const brush = group.querySelector(".brush");
      const [low, high] = range ?? [0, 0];
      brush?.setAttribute("y", String(bottom - high * (bottom - top)));
      brush?.setAttribute("height", String((high - low) * (bottom - top)));
      const name = this.#axes[Number(group.dataset.axis)].name;
      group.setAttribute("aria-label", range ? this.#words(Number(group.dataset.axis), left) : `${name}, all`);
    }
    const output = this.querySelector("output");
    if (!output) return;
    output.setAttribute("aria-live", "polite");
    output.replaceChildren();
    if (!this.#ranges.size) return;
    const chosen = [...this.#ranges.keys()].map((axis) => this.#words(axis, left)).join("; ");
    output.append(`${left.length} of ${this.#runs.length} runs: ${chosen}. `);
    if (!left.length || left.length === this.#runs.length) return;
    const link = document.createElement("a");
    const address = new URL(location.href);
    address.searchParams.set("runs", left.map((run) => this.#runs[run].run_id).join(","));
    link.href = address.pathname + address.search;
    link.textContent = left.length === 1 ? `Only ${this.#runs[left[0]].name}` : `Compare only these ${left.length}`;
    output.append(link);
  }
}

customElements.define("parallel-coordinates", ParallelCoordinates);
