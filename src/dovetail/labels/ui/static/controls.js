// The controls that take answers: choices, labels, ratings, numbers, dates, free text, pairs and ranks.
// Each draws itself from the answers and writes into them; the desk only forwards keys.

import { isAsked, isMark } from "./answers.js";
import { keycap, make, paint } from "./elements.js";
import { choicesOf, keyFor } from "./keys.js";
import { Ranking } from "./ranking.js";

/** @typedef {import("./answers.js").Control} Control */
/** @typedef {import("./answers.js").Answers} Answers */
/** @typedef {import("./keys.js").Target} Target */

/** Whether several options may be taken at once. @param {Control} control */
function isMany(control) {
  if (control.tag === "Taxonomy") return control.attrs.maxusages !== "1";
  return control.tag === "Choices" && !!control.attrs.choice?.startsWith("multiple");
}

/** All controls of one item. */
export class Controls {
  /** Called with the option of a marking control that was chosen. @type {(control: Control, value: string) => void} */ onlabel = () => {};
  /** Called when one option was chosen that may answer the whole item. @type {() => void} */ onchosen = () => {};
  /** The option that the next mark gets. @type {Target | null} */ armed = null;
  /** The label of the chosen mark, "" for none. */ current = "";
  /** Rankers, by name. @type {Map<string, Ranking>} */ rankings = new Map();

  /**
   * @param {Control[]} controls @param {Answers} answers @param {Map<string, Target>} keys
   */
  constructor(controls, answers, keys) {
    this.answers = answers;
    this.keys = keys;
    this.controls = controls;
    this.parts = controls.map((control) => ({ control, root: this.#build(control) }));
    this.root = make("div", { class: "controls" }, ...this.parts.map((part) => part.root));
    this.draw();
  }

  /** @param {Control} control */
  #build(control) {
    const many = isMany(control);
    const legend = make("legend", { text: control.attrs.title || control.attrs.header || control.name });
    const kind = many ? make("span", { class: "note", text: " several may be chosen" }) : "";
    legend.append(kind);
    const set = make("fieldset", { class: `control of-${control.tag.toLowerCase()}`, "data-name": control.name }, legend);
    const options = choicesOf(control);
    if (control.tag === "Ranker") set.append(this.#ranking(control));
    else if (options.length) set.append(make("div", { class: "options" }, ...options.map((_, i) => this.#option(control, i))));
    else if (control.tag !== "Rectangle") set.append(this.#field(control));
    return set;
  }

  /** @param {Control} control */
  #ranking(control) {
    const made = new Ranking(control, this.answers);
    this.rankings.set(control.name, made);
    return made.root;
  }

  /** @param {Control} control @param {number} index */
  #option(control, index) {
    const option = choicesOf(control)[index];
    const key = keyFor(this.keys, control, option.value);
    const depth = Math.min((option.path?.length ?? 1) - 1, 5);
    const shown = control.tag === "Pairwise" ? (option.value === "left" ? "First" : "Second") : option.text || option.value;
    const button = make("button", {
      type: "button", class: "option", "data-value": option.value, title: option.hint,
      "aria-label": control.tag === "Rating" ? `${option.value} of ${choicesOf(control).length}` : undefined,
      "aria-pressed": "false", "data-depth": depth || undefined, onclick: (event) => {
        if (/** @type {UIEvent} */ (event).detail) button.blur();
        this.choose(control, option.value);
      },
    }, make("span", { class: "name", text: control.tag === "Rating" ? "★" : shown }));
    if (key) button.append(keycap(key));
    if (control.tag !== "Rating" && control.tag !== "Pairwise") paint(button, control.options[index], index);
    return button;
  }

  /** @param {Control} control */
  #field(control) {
    const { attrs } = control;
    const label = attrs.placeholder || attrs.title || control.name;
    if (control.tag === "TextArea") {
      const rows = Math.min(Number(attrs.rows) || 3, 20);
      return make("textarea", {
        rows, "aria-label": label, placeholder: attrs.placeholder, maxlength: attrs.maxlength,
        oninput: (event) => {
          const said = /** @type {HTMLTextAreaElement} */ (event.target).value;
          this.answers.setValue(control, said.trim() ? [said] : null);
        },
      });
    }
    const type = control.tag === "Number" ? "number" : attrs.only === "time" ? "time" : attrs.only?.includes("time") || !attrs.only ? "datetime-local" : "date";
    return make("input", {
      type, "aria-label": label, min: attrs.min, max: attrs.max, step: control.tag === "Number" ? attrs.step || "any" : undefined,
      oninput: (event) => {
        const { value, validity } = /** @type {HTMLInputElement} */ (event.target);
        if (validity.badInput) return;
        this.answers.setValue(control, value === "" ? null : control.tag === "Number" ? Number(value) : value);
      },
    });
  }

  /** Choose an option, as its key and its button do. @param {Control} control @param {string} value */
  choose(control, value) {
    if (isMark(control)) return this.onlabel(control, value);
    if (control.tag === "Taxonomy") return this.#chooseBranch(control, value);
    if (control.tag === "Choices") {
      const now = /** @type {string[]} */ (this.answers.valueOf(control) ?? []);
      const many = isMany(control);
      const on = now.includes(value);
      if (many) this.answers.setValue(control, on ? now.filter((one) => one !== value) : [...now, value]);
      else if (!on) this.answers.setValue(control, [value]);
      else if (!this.answers.isTouched) return this.onchosen();
      else return this.answers.setValue(control, null);
      if (!many) this.onchosen();
      return undefined;
    }
    this.answers.setValue(control, control.tag === "Rating" ? Number(value) : value);
    return this.onchosen();
  }

  /** Take a branch of a taxonomy, or leave it. @param {Control} control @param {string} value */
  #chooseBranch(control, value) {
    const path = control.options.find((option) => option.value === value)?.path ?? [value];
    const now = /** @type {string[][]} */ (this.answers.valueOf(control) ?? []);
    const others = now.filter((one) => one.join(" / ") !== value);
    const added = others.length === now.length ? [path] : [];
    this.answers.setValue(control, isMany(control) ? [...others, ...added] : added);
  }

  /** Show what the answers hold. */
  draw() {
    for (const { control, root } of this.parts) {
      root.hidden = !isAsked(control, this.answers, this.controls);
      const value = this.answers.valueOf(control);
      this.rankings.get(control.name)?.draw();
      root.querySelectorAll(".option").forEach((button) => {
        const own = /** @type {HTMLElement} */ (button).dataset.value ?? "";
        button.setAttribute("aria-pressed", String(this.#isOn(control, own, value)));
      });
      const field = /** @type {HTMLInputElement | HTMLTextAreaElement | null} */ (root.querySelector("input, textarea"));
      if (field && document.activeElement !== field) field.value = Array.isArray(value) ? value.join("\n") : value ?? "";
    }
  }

  /** @param {Control} control @param {string} own @param {any} value */
  #isOn(control, own, value) {
    if (isMark(control)) return this.current ? this.current === `${control.name}/${own}` : this.armed?.control === control && this.armed.value === own;
    if (control.tag === "Rating") return Number(own) <= Number(value ?? 0);
    if (!Array.isArray(value)) return value === own;
    return value.some((one) => (Array.isArray(one) ? one.join(" / ") : one) === own);
  }

  /** The first field that takes text, where nothing else takes the keys. @returns {HTMLElement | null} */
  get field() {
    const plain = this.controls.every((control) => control.tag === "TextArea" || control.tag === "Number" || control.tag === "DateTime");
    return plain ? this.root.querySelector("textarea, input") : null;
  }
}
