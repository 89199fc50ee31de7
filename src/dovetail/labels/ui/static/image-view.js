// A picture with boxes on it: draw, move, resize and delete by mouse, touch and keyboard. Boxes are
// kept in per cent of the picture, as Label Studio does.

import { make, paint } from "./elements.js";
import { isPicture } from "./sanitise.js";

/** @typedef {{x: number, y: number, width: number, height: number}} Box */
/** @typedef {{id: string, from: {x: number, y: number}, box: Box, edge: string, element: HTMLElement}} Drag */

const EDGES = ["nw", "n", "ne", "e", "se", "s", "sw", "w"];

/** A box inside the picture, with a size that can be seen. @param {Box} box @returns {Box} */
function inside(box) {
  const width = Math.min(Math.max(box.width, 0.2), 100);
  const height = Math.min(Math.max(box.height, 0.2), 100);
  return { x: Math.min(Math.max(box.x, 0), 100 - width), y: Math.min(Math.max(box.y, 0), 100 - height), width, height };
}

/** A box after one of its edges, or all of it, was moved. @param {Box} box @param {string} edge @param {number} dx @param {number} dy */
export function moved(box, edge, dx, dy) {
  if (!edge) return inside({ ...box, x: box.x + dx, y: box.y + dy });
  const at = (/** @type {number} */ value) => Math.min(Math.max(value, 0), 100);
  const xs = [box.x + (edge.includes("w") ? dx : 0), box.x + box.width + (edge.includes("e") ? dx : 0)].map(at);
  const ys = [box.y + (edge.includes("n") ? dy : 0), box.y + box.height + (edge.includes("s") ? dy : 0)].map(at);
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const [top, bottom] = [Math.min(...ys), Math.max(...ys)];
  return inside({ x: left, y: top, width: right - left, height: bottom - top });
}

/** Shows one Image of a task. */
export class ImageView {
  /** Called with the box that was drawn. @type {(box: Box) => void} */ ondrawn = () => {};
  /** Called with the box that was clicked or focused. @type {(id: string) => void} */ onpick = () => {};
  /** Whether boxes can be drawn. */ draws = false;
  /** @type {Drag | null} */ #drag = null;
  #selected = "";
  #zoom = 1;

  /** @param {import("./answers.js").Shown} shown @param {string} address @param {import("./answers.js").Answers} answers */
  constructor(shown, address, answers) {
    this.shown = shown;
    this.answers = answers;
    this.image = make("img", { alt: shown.name, draggable: "false", referrerpolicy: "no-referrer" });
    this.boxes = make("div", { class: "boxes" });
    this.stage = make("div", { class: "stage" }, this.image, this.boxes);
    this.root = make("div", { class: "picture", role: "region", "aria-label": shown.name, tabindex: 0 }, this.stage);
    if (isPicture(address)) this.image.src = address;
    else this.#fail(`This is no address of a picture: ${address.slice(0, 200) || "(empty)"}`);
    this.image.addEventListener("error", () => this.#fail(`The picture cannot be loaded: ${address.slice(0, 200)}`));
    this.image.addEventListener("load", () => this.#fit());
    for (const kind of ["pointerdown", "pointermove", "pointerup", "pointercancel"]) {
      this.boxes.addEventListener(kind, (event) => this.#onPointer(/** @type {PointerEvent} */ (event)));
    }
    this.draw();
  }

  /** @param {string} why */
  #fail(why) { this.root.replaceChildren(make("p", { class: "problem level-alarm", role: "alert", text: why })); }

  /** Small pictures are shown larger, with their pixels to be seen. */
  #fit() {
    const { naturalWidth: width, naturalHeight: height } = this.image;
    this.stage.style.setProperty("--ratio", String(width / Math.max(height, 1)));
    this.stage.classList.toggle("tiny", Math.max(width, height) <= 160);
  }

  /** Zoom by a factor, from the whole picture to eight times. @param {number} factor */
  zoom(factor) {
    this.#zoom = factor ? Math.min(Math.max(this.#zoom * factor, 1), 8) : 1;
    this.stage.style.setProperty("--zoom", String(this.#zoom));
    this.root.classList.toggle("zoomed", this.#zoom > 1);
  }

  /** Draw the boxes that the answers hold. @param {string} [selected] */
  draw(selected = this.#selected) {
    this.#selected = selected;
    this.boxes.classList.toggle("draws", this.draws);
    const focused = this.boxes.contains(document.activeElement) && (selected || document.activeElement?.getAttribute("data-id"));
    const regions = this.answers.marksOf(this.shown.name);
    this.boxes.replaceChildren(...regions.map((region) => this.#boxOf(region)));
    if (focused) /** @type {HTMLElement | null} */ (this.boxes.querySelector(`[data-id="${CSS.escape(focused)}"]`))?.focus();
  }

  /** @param {import("./answers.js").Region} region */
  #boxOf(region) {
    const { label, option, index } = this.answers.optionOf(region);
    const { x, y, width, height, rotation } = region.value;
    const said = `${label}: ${Math.round(width)} by ${Math.round(height)} per cent at ${Math.round(x)}, ${Math.round(y)}`;
    const box = make("div", { class: "box", tabindex: 0, role: "button", "aria-label": said, "data-id": region.id, "data-label": label });
    paint(box, option, index);
    place(box, region.value);
    if (rotation) box.style.setProperty("transform", `rotate(${Number(rotation)}deg)`);
    if (region.id === this.#selected) {
      box.classList.add("chosen");
      if (this.draws && !rotation) box.append(...EDGES.map((edge) => make("i", { class: `edge ${edge}`, "data-edge": edge })));
    }
    box.addEventListener("focus", () => { if (region.id !== this.#selected) this.onpick(region.id ?? ""); });
    return box;
  }

  /** @param {PointerEvent} event */
  #at(event) {
    const frame = this.boxes.getBoundingClientRect();
    return { x: ((event.clientX - frame.left) / frame.width) * 100, y: ((event.clientY - frame.top) / frame.height) * 100 };
  }

  /** @param {PointerEvent} event */
  #onPointer(event) {
    if (event.type === "pointerdown") this.#begin(event);
    else if (this.#drag && event.type === "pointermove") place(this.#drag.element, this.#dragged(event, this.#drag));
    else if (this.#drag && event.type === "pointerup") this.#end(event, this.#drag);
    else if (event.type === "pointercancel") { this.#drag = null; this.draw(); }
  }

  /** @param {PointerEvent} event */
  #begin(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    const element = /** @type {HTMLElement | null} */ (target.closest(".box"));
    const from = this.#at(event);
    if (!this.draws || event.button) {
      if (element) this.onpick(element.dataset.id ?? "");
      return;
    }
    event.preventDefault();
    this.boxes.setPointerCapture(event.pointerId);
    if (element) {
      const id = element.dataset.id ?? "";
      const region = this.answers.regions.find((one) => one.id === id);
      if (id !== this.#selected) this.onpick(id);
      const drawn = /** @type {HTMLElement} */ (this.boxes.querySelector(`[data-id="${CSS.escape(id)}"]`) ?? element);
      this.#drag = { id, from, box: region?.value, edge: target.dataset.edge ?? "", element: drawn };
    } else {
      const fresh = make("div", { class: "box fresh" });
      this.boxes.append(fresh);
      this.#drag = { id: "", from, box: { ...from, width: 0, height: 0 }, edge: "se", element: fresh };
    }
  }

  /** @param {PointerEvent} event @param {Drag} drag */
  #dragged(event, drag) {
    const to = this.#at(event);
    return moved(drag.box, drag.edge, to.x - drag.from.x, to.y - drag.from.y);
  }

  /** @param {PointerEvent} event @param {Drag} drag */
  #end(event, drag) {
    const box = this.#dragged(event, drag);
    this.#drag = null;
    if (drag.id) {
      const to = this.#at(event);
      if (Math.hypot(to.x - drag.from.x, to.y - drag.from.y) > 0.2) this.answers.changeMark(drag.id, box);
    } else if (box.width > 0.6 && box.height > 0.6) {
      this.ondrawn(box);
    } else {
      this.onpick("");
    }
    this.draw();
  }

  /** What Label Studio keeps beside a box: the size of the picture. */
  facts() {
    return { original_width: this.image.naturalWidth, original_height: this.image.naturalHeight, image_rotation: 0 };
  }

  /**
   * Move or, with Shift, resize the chosen box by keyboard; Alt makes the steps small.
   * @param {KeyboardEvent} event @returns {boolean} Whether the key was one of these.
   */
  nudge(event) {
    const ways = /** @type {Record<string, [number, number]>} */ ({ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] });
    const way = ways[event.key];
    const region = this.answers.marksOf(this.shown.name).find((one) => one.id === this.#selected);
    if (!way || !region || !this.draws) return false;
    const step = event.altKey ? 0.1 : 1;
    this.answers.changeMark(this.#selected, moved(region.value, event.shiftKey ? "se" : "", way[0] * step, way[1] * step));
    return true;
  }
}

/** @param {HTMLElement} element @param {Box} box */
function place(element, box) {
  element.style.setProperty("left", `${box.x}%`);
  element.style.setProperty("top", `${box.y}%`);
  element.style.setProperty("width", `${box.width}%`);
  element.style.setProperty("height", `${box.height}%`);
}
