// One item on the desk: what is shown of it, what is being answered, and the marks being made.

import { Answers, controlsOf, isMark, typeOf } from "./answers.js";
import { Controls } from "./controls.js";
import { make } from "./elements.js";
import { keysOf } from "./keys.js";
import { withOptions } from "./objects.js";
import { ItemView, keptNote, markList } from "./item-view.js";

/** @typedef {import("./answers.js").Config} Config */
/** @typedef {import("./answers.js").Control} Control */
/** @typedef {import("./answers.js").Region} Region */

/** What a config answers before anybody has. @param {Config} config @returns {Region[]} */
function preset(config) {
  const answers = new Answers(config, []);
  for (const control of controlsOf(config)) {
    const selected = control.options.filter((option) => option.selected).map((option) => option.value);
    if (control.tag === "Choices" && selected.length) answers.setValue(control, selected);
    if (control.attrs.defaultvalue && control.tag === "Number") answers.setValue(control, Number(control.attrs.defaultvalue));
  }
  return answers.regions;
}

/** An item that is being answered. */
export class Sitting {
  /** Called when one option was chosen that may answer the whole item. @type {() => void} */ onchosen = () => {};
  /** Called after every change. @type {() => void} */ onchange = () => {};

  /**
   * @param {Config} shown @param {import("./queue.js").Item} item @param {Region[] | null} result What was said before; null for a fresh item.
   */
  constructor(shown, item, result) {
    const config = withOptions(shown, item.data);
    this.config = config;
    this.keys = keysOf(config);
    this.item = item;
    this.answers = new Answers(config, result ?? item.prediction?.result ?? preset(config));
    this.view = new ItemView(config, item.data, this.answers, true);
    this.controls = new Controls(controlsOf(config), this.answers, this.keys);
    this.controls.onlabel = (control, value) => this.#label(control, value);
    this.controls.onchosen = () => this.onchosen();
    this.view.onpick = (id) => this.pick(id);
    this.#putRankers();
    this.side = make("div", { class: "said" });
    for (const view of this.view.views) {
      if (view.image) view.image.ondrawn = (box) => this.#drawn(view, box);
      if (view.text) view.text.onselected = () => { if (this.controls.armed) this.#markText(); };
    }
    this.answers.addEventListener("changed", () => {
      this.draw();
      this.onchange();
    });
    this.draw();
  }

  /** A list that is ranked stands where it is shown, not once more beside it. */
  #putRankers() {
    for (const { control, root } of this.controls.parts) {
      if (control.tag !== "Ranker") continue;
      this.view.views.find((view) => control.to.includes(view.name))?.root.replaceWith(root);
    }
  }

  /** Show what the answers hold. */
  draw() {
    const { answers } = this;
    const region = answers.regions.find((one) => one.id === answers.chosen);
    if (!region) answers.chosen = "";
    const control = region && answers.controlOf(region);
    this.controls.current = control ? `${control.name}/${region.value?.[typeOf(control)]?.[0] ?? ""}` : "";
    this.view.draw(answers.chosen);
    this.controls.draw();
    const note = keptNote(answers, this.config);
    this.side.replaceChildren(
      ...(controlsOf(this.config).some(isMark) ? [markList(answers, this.view, (id) => answers.remove(id))] : []),
      ...(note ? [make("p", { class: "note kept", text: note })] : []),
    );
  }

  /** Choose a mark, or none. @param {string} id */
  pick(id) {
    if (this.answers.chosen === id) return;
    this.answers.chosen = id;
    this.draw();
  }

  /** Go to the next or previous mark. @param {1 | -1} step */
  step(step) {
    const ids = this.view.views.flatMap((view) => this.answers.marksOf(view.name)).map((region) => region.id ?? "");
    if (!ids.length) return;
    const at = ids.indexOf(this.answers.chosen);
    this.pick(ids[(at + step + (at < 0 && step < 0 ? 1 : 0) + ids.length) % ids.length]);
    this.view.root.querySelector(".chosen")?.scrollIntoView({ block: "nearest" });
  }

  /** A label was chosen: for the chosen mark, for what is selected, or for the next mark. @param {Control} control @param {string} value */
  #label(control, value) {
    const region = this.answers.regions.find((one) => one.id === this.answers.chosen);
    if (region && this.answers.controlOf(region)?.tag === control.tag) {
      this.answers.relabel(this.answers.chosen, control, value);
      return;
    }
    const armed = this.controls.armed;
    this.controls.armed = armed?.control === control && armed.value === value && !this.#selecting ? null : { control, value };
    if (this.#selecting) this.#markText();
    else this.draw();
  }

  get #selecting() { return this.view.views.some((view) => view.text?.selection()); }

  #markText() {
    const armed = this.controls.armed;
    const view = armed && this.view.views.find((one) => one.text && armed.control.to.includes(one.name) && one.text.selection());
    if (!armed || !view) return;
    const region = view.text?.mark(armed.control, armed.value);
    if (region && controlsOf(this.config).some((control) => control.attrs.perregion)) this.pick(region.id ?? "");
  }

  /** @param {import("./item-view.js").Named} view @param {import("./image-view.js").Box} box */
  #drawn(view, box) {
    const armed = this.controls.armed?.control.to.includes(view.name) ? this.controls.armed : null;
    const control = armed?.control ?? this.view.controlFor(view.name, ["RectangleLabels", "Rectangle"]);
    if (!control || !view.image) return;
    const label = armed?.value ?? control.options[0]?.value ?? "";
    const region = this.answers.addMark(control, label, { ...box, rotation: 0 }, view.image.facts());
    this.pick(region.id ?? "");
  }

  /** Put a new box into the middle of the picture, by keyboard. @returns {boolean} Whether there is a picture for it. */
  newBox() {
    const view = this.view.views.find((one) => one.image?.draws);
    if (!view) return false;
    this.#drawn(view, { x: 40, y: 40, width: 20, height: 20 });
    /** @type {HTMLElement | null} */ (view.root.querySelector(".chosen"))?.focus();
    return true;
  }

  /** Remove the chosen mark, or everything. @returns {boolean} Whether anything was there. */
  remove() {
    if (this.answers.chosen) this.answers.remove(this.answers.chosen);
    else if (this.answers.regions.length > this.answers.kept.length) this.answers.clear();
    else return false;
    return true;
  }

  /** Let a key move the selection in a text or the chosen box. @param {KeyboardEvent} event */
  move(event) {
    for (const ranking of this.controls.rankings.values()) if (ranking.move(event)) return true;
    for (const view of this.view.views) {
      if (view.image?.nudge(event)) return true;
      const inside = view.root.contains(document.activeElement);
      if (view.text && inside && this.view.controlFor(view.name, ["Labels", "HyperTextLabels"]) && view.text.move(event)) return true;
    }
    return false;
  }

  /** Choose nothing and put no label on what is marked next. */
  release() {
    this.controls.armed = null;
    this.answers.chosen = "";
    this.draw();
  }

  /** @param {number} factor */
  zoom(factor) { for (const view of this.view.views) view.image?.zoom(factor); }
}
