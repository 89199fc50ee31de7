// What a person says about one item: a list of Label Studio regions, with undo. Regions of tags that
// the desk does not know stay in the list word for word.

import { newId } from "./elements.js";

/** @typedef {{value: string, text?: string, hotkey?: string, background?: string, hint?: string, selected?: boolean, path?: string[]}} Option */
/** @typedef {{kind: "control", name: string, tag: string, to: string[], attrs: Record<string, string>, options: Option[], entries?: {id: string, title: string, body: string}[]}} Control The entries are those of a ranker's list. */
/** @typedef {{kind: "object", name: string, tag: string, value: string, attrs: Record<string, string>}} Shown */
/** @typedef {{kind: "header", value: string, attrs: Record<string, string>}} Header */
/** @typedef {{nodes: (Control | Shown | Header)[], unknown: string[]}} Config */
/** @typedef {{id?: string, from_name?: string, to_name?: string, type?: string, value?: any, [extra: string]: any}} Region */

/** The result type of each control, and the key of its value where that differs. */
const TYPES = /** @type {Record<string, [string, string?]>} */ ({
  Choices: ["choices"], Rating: ["rating"], Number: ["number"], TextArea: ["textarea", "text"],
  DateTime: ["datetime"], Pairwise: ["pairwise", "selected"], Taxonomy: ["taxonomy"], Labels: ["labels"],
  HyperTextLabels: ["hypertextlabels"], RectangleLabels: ["rectanglelabels"], Rectangle: ["rectangle"],
  Ranker: ["ranker"],
});
const MARKS = new Set(["Labels", "HyperTextLabels", "RectangleLabels", "Rectangle"]);

/** The type that a control's regions have. @param {Control} control */
export function typeOf(control) { return TYPES[control.tag]?.[0] ?? ""; }

/** The key under which a control's answer stands in a region's value. @param {Control} control */
export function keyOf(control) { return TYPES[control.tag]?.[1] ?? typeOf(control); }

/** Whether a control marks parts of its object. @param {Control} control */
export function isMark(control) { return MARKS.has(control.tag); }

/** Whether a control is asked for each mark instead of the item. @param {Control} control */
export function isPerMark(control) { return control.attrs.perregion === "true" && !isMark(control); }

/** The controls that the desk shows. @param {Config} config @returns {Control[]} */
export function controlsOf(config) {
  return /** @type {Control[]} */ (config.nodes.filter((node) => node.kind === "control"));
}

/** The answer on one item. It tells `changed` whenever it is another. */
export class Answers extends EventTarget {
  /** @type {Region[]} */ #regions;
  /** @type {Region[][]} */ #before = [];
  /** @type {Map<string, Control>} */ #controls;
  /** The mark that is chosen, "" for none. */ chosen = "";

  /** @param {Config} config @param {Region[]} regions What to begin with. */
  constructor(config, regions) {
    super();
    this.#controls = new Map(controlsOf(config).map((control) => [control.name, control]));
    this.#regions = structuredClone(regions);
  }

  get regions() { return this.#regions; }

  /** Whether anything was changed and not taken back. */
  get isTouched() { return this.#before.length > 0; }

  /** Regions that the desk cannot show: kept as they came. */
  get kept() { return this.#regions.filter((region) => !this.knows(region)); }

  /** Whether a region is one of a control on this desk. @param {Region} region */
  knows(region) {
    const control = this.#controls.get(region.from_name ?? "");
    if (!control || typeOf(control) !== region.type || typeof region.value !== "object") return false;
    return control.tag === "Rectangle" || !isMark(control) || Array.isArray(region.value?.[typeOf(control)]);
  }

  /** The parts that a control, or any, marked. @param {string} object @returns {Region[]} */
  marksOf(object) {
    return this.#regions.filter((region) => region.to_name === object && this.knows(region)
      && isMark(/** @type {Control} */ (this.controlOf(region))));
  }

  /** @param {Region} region */
  controlOf(region) { return this.#controls.get(region.from_name ?? ""); }

  /** Where a mark's label stands in its control: for its colour. @param {Region} region */
  optionOf(region) {
    const control = this.controlOf(region);
    const label = control && region.value?.[typeOf(control)]?.[0];
    const index = control ? control.options.findIndex((option) => option.value === label) : -1;
    return { label: String(label ?? control?.name ?? ""), index, option: control?.options[index] };
  }

  /** The answer of a control that speaks of the whole item. @param {Control} control @returns {any} */
  valueOf(control) { return this.#whole(control)?.value?.[keyOf(control)]; }

  /** @param {Control} control */
  #whole(control) {
    const wanted = isPerMark(control) ? this.chosen : "";
    return this.#regions.find((region) => region.from_name === control.name && this.knows(region)
      && (!isPerMark(control) || region.id === wanted));
  }

  /** What a new answer of a control begins with. @param {Control} control @returns {Region} */
  #fresh(control) {
    const mark = isPerMark(control) && this.#regions.find((region) => region.id === this.chosen);
    const common = { from_name: control.name, type: typeOf(control), origin: "manual" };
    if (!mark) return { id: newId(), ...common, to_name: control.to[0] ?? "", value: {} };
    const { [mark.type ?? ""]: _, ...place } = mark.value;
    return { id: mark.id, ...common, to_name: mark.to_name, value: place };
  }

  /** Say something about the whole item; null takes it back. @param {Control} control @param {any} value */
  setValue(control, value) {
    const old = this.#whole(control);
    const empty = value === null || value === "" || (Array.isArray(value) && !value.length);
    if (old && empty) return this.#replace(this.#regions.filter((region) => region !== old));
    if (empty) return undefined;
    const said = { ...old?.value, [keyOf(control)]: value };
    if (old) {
      const { score: _, ...rest } = old;
      return this.#replace(this.#regions.map((one) => (one === old ? { ...rest, value: said } : one)));
    }
    const fresh = this.#fresh(control);
    return this.#replace([...this.#regions, { ...fresh, value: { ...fresh.value, ...said } }]);
  }

  /** Mark a part. @param {Control} control @param {string} label @param {Record<string, any>} value @param {Record<string, any>} [extra] */
  addMark(control, label, value, extra = {}) {
    const key = typeOf(control);
    const named = control.tag === "Rectangle" ? {} : { [key]: [label] };
    const region = {
      id: newId(), from_name: control.name, to_name: control.to[0] ?? "", type: key, origin: "manual",
      ...extra, value: { ...value, ...named },
    };
    this.#replace([...this.#regions, region]);
    return region;
  }

  /** Change what a mark says. @param {string} id @param {Record<string, any>} value */
  changeMark(id, value) {
    this.#replace(this.#regions.map((region) => {
      if (region.id !== id || !this.knows(region)) return region;
      const { score: _, ...rest } = region;
      return { ...rest, value: { ...region.value, ...value } };
    }));
  }

  /** Give a mark another label of the same kind. @param {string} id @param {Control} control @param {string} label */
  relabel(id, control, label) {
    this.#replace(this.#regions.map((region) => {
      const old = this.controlOf(region);
      if (region.id !== id || !old || old.tag !== control.tag) return region;
      const { score: _, ...rest } = region;
      return { ...rest, from_name: control.name, value: { ...region.value, [typeOf(control)]: [label] } };
    }));
  }

  /** Take a mark away, with what was said about it alone. @param {string} id */
  remove(id) {
    this.#replace(this.#regions.filter((one) => one.id !== id && one.from_id !== id && one.to_id !== id));
  }

  /** @param {Region[]} regions */
  #replace(regions) {
    this.#before.push(this.#regions);
    this.#regions = regions;
    this.dispatchEvent(new Event("changed"));
  }

  /** Take the last change back. @returns {boolean} Whether there was one. */
  undo() {
    const before = this.#before.pop();
    if (!before) return false;
    this.#regions = before;
    this.dispatchEvent(new Event("changed"));
    return true;
  }

  /** Begin anew with nothing. */
  clear() { this.#replace(this.kept); }

  /** What is missing before this can be saved. @returns {string} Empty when nothing is. */
  missing() {
    for (const control of this.#controls.values()) {
      if (control.attrs.required !== "true" || isPerMark(control)) continue;
      if (!isAsked(control, this, [...this.#controls.values()])) continue;
      const said = isMark(control) ? this.#regions.some((r) => r.from_name === control.name) : this.#whole(control);
      if (!said) return control.attrs.requiredmessage || `Answer ${control.name} first.`;
    }
    return "";
  }
}

/**
 * Whether a control is asked now: some are asked only after another was answered so or so.
 * @param {Control} control @param {Answers} answers @param {Control[]} controls
 */
export function isAsked(control, answers, controls) {
  if (isPerMark(control) && !answers.chosen) return false;
  const { visiblewhen, whentagname, whenchoicevalue, whenlabelvalue } = control.attrs;
  const parent = whentagname ? controls.find((one) => one.name === whentagname) : undefined;
  if (!visiblewhen || !parent) return true;
  if (isMark(parent)) {
    const chosen = answers.regions.find((one) => one.id === answers.chosen && one.from_name === parent.name);
    return !!chosen && (!whenlabelvalue || !!chosen.value?.[typeOf(parent)]?.includes(whenlabelvalue));
  }
  const said = /** @type {string[]} */ ([answers.valueOf(parent) ?? []].flat());
  return whenchoicevalue ? whenchoicevalue.split(",").some((one) => said.includes(one.trim())) : said.length > 0;
}
