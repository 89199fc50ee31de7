// One item as a whole: its objects with what was marked on them, and the list of the marks. Used by the
// desk, where it can be changed, and by pages that only show what somebody said.

import { controlsOf, isMark, keyOf } from "./answers.js";
import { make, paint } from "./elements.js";
import { viewOf } from "./objects.js";
import { ranksInWords } from "./ranking.js";

/** @typedef {import("./answers.js").Answers} Answers */
/** @typedef {import("./answers.js").Config} Config */
/** @typedef {import("./answers.js").Control} Control */
/** @typedef {import("./objects.js").View & {name: string, tag: string}} Named */

/** Shows the objects of an item in the order of the config. */
export class ItemView {
  /** Called when a mark was clicked; "" when the choice was given up. @type {(id: string) => void} */ onpick = () => {};
  /** @type {Named[]} */ views = [];

  /**
   * @param {Config} config @param {Record<string, any>} data @param {Answers} answers
   * @param {boolean} [changes] Whether marks can be made.
   */
  constructor(config, data, answers, changes = false) {
    this.answers = answers;
    this.config = config;
    this.root = make("div", { class: "objects" });
    const pair = controlsOf(config).find((control) => control.tag === "Pairwise");
    const side = pair ? make("div", { class: "pair" }) : null;
    for (const node of config.nodes) {
      if (node.kind === "header") this.root.append(this.#header(node.value, data));
      if (node.kind !== "object") continue;
      const view = { ...viewOf(node, data, answers), name: node.name, tag: node.tag };
      this.views.push(view);
      if (view.image) view.image.draws = changes && this.controlFor(view.name, ["RectangleLabels", "Rectangle"]) !== undefined;
      if (view.image) view.image.onpick = (id) => this.onpick(id);
      if (view.text) view.text.onpick = (id) => this.onpick(id);
      const place = side && pair?.to.includes(node.name) ? side : this.root;
      if (place === side && side && !side.isConnected && !side.parentNode) this.root.append(side);
      place.append(view.root);
    }
    this.draw();
  }

  /** @param {string} value @param {Record<string, any>} data */
  #header(value, data) {
    const text = value.replace(/\$(\w+)/g, (whole, key) => (Object.hasOwn(data, key) ? String(data[key]) : whole));
    return make("p", { class: "heading", text });
  }

  /** The control of these kinds that marks an object. @param {string} object @param {string[]} tags @returns {Control | undefined} */
  controlFor(object, tags) {
    return controlsOf(this.config).find((control) => tags.includes(control.tag) && control.to.includes(object));
  }

  /** Draw all marks anew. @param {string} [selected] */
  draw(selected = this.answers.chosen) {
    for (const view of this.views) {
      view.text?.draw(selected);
      view.image?.draw(selected);
    }
  }
}

/**
 * What was said, in words: one line an answer that is no mark.
 * @param {Config} config @param {Answers} answers @returns {{name: string, text: string}[]}
 */
export function saidOf(config, answers) {
  return controlsOf(config).flatMap((control) => {
    const value = isMark(control) ? undefined : answers.valueOf(control);
    if (value === undefined) return [];
    if (control.tag === "Ranker") return [{ name: control.name, text: ranksInWords(control, value) }];
    const words = [value].flat().map((one) => control.options.find((o) => o.value === one)?.text || (Array.isArray(one) ? one.join(" / ") : String(one)));
    const shown = keyOf(control) === "selected" ? words.map((w) => (w === "left" ? "the first" : "the second")) : words;
    return [{ name: control.name, text: shown.join(", ") }];
  });
}

/**
 * The list of the marks.
 * @param {Answers} answers @param {ItemView} view
 * @param {((id: string) => void) | null} onremove Null where nothing can be changed.
 */
export function markList(answers, view, onremove) {
  const regions = view.views.flatMap((one) => answers.marksOf(one.name));
  const items = regions.map((region) => {
    const { label, option, index } = answers.optionOf(region);
    const { text, width, height } = region.value;
    const what = text ?? (width === undefined ? "" : `${Math.round(width)} × ${Math.round(height)} %`);
    const pick = make("button", {
      type: "button", class: "mark-name", "aria-pressed": String(region.id === answers.chosen),
      onclick: () => view.onpick(region.id ?? ""),
    }, make("b", { text: label }), ` ${String(what).slice(0, 80)}`);
    if (typeof region.score === "number") pick.append(make("span", { class: "note", text: ` ${Math.round(region.score * 100)} %` }));
    paint(pick, option, index);
    const item = make("li", {}, pick);
    if (onremove) item.append(make("button", { type: "button", class: "quiet", "aria-label": `Remove ${label} ${String(what).slice(0, 40)}`, onclick: () => onremove(region.id ?? "") }, "×"));
    return item;
  });
  return make("ul", { class: "marks" }, ...items);
}

/** What the desk cannot show of an answer, in a sentence; "" for nothing. @param {Answers} answers @param {Config} config */
export function keptNote(answers, config) {
  const { kept } = answers;
  const types = [...new Set(kept.map((region) => region.type ?? "unknown"))].join(", ");
  const parts = [];
  if (kept.length) parts.push(`${kept.length} ${kept.length === 1 ? "region" : "regions"} of a kind that this desk does not show (${types}): kept word for word.`);
  if (config.unknown.length) parts.push(`The config has tags that this desk does not show: ${config.unknown.join(", ")}.`);
  return parts.join(" ");
}
