// What a task shows: texts, pictures, tables, dialogues, sound. Each object of the label config becomes
// one view, filled from the task's data as text, never as markup that could run.

import { make } from "./elements.js";
import { ImageView } from "./image-view.js";
import { isPicture } from "./sanitise.js";
import { TextView } from "./text-view.js";

/** @typedef {import("./answers.js").Shown} Shown */
/** @typedef {import("./answers.js").Answers} Answers */
/** @typedef {{root: HTMLElement, text?: TextView, image?: ImageView}} View */

/** What `$field` in a config stands for; other text stays. @param {string} value @param {Record<string, any>} data @returns {any} */
export function resolve(value, data) {
  const whole = /^\$([\w.[\]-]+)$/.exec(value.trim());
  if (whole) return find(whole[1], data);
  return value.replace(/\$([A-Za-z_][\w.[\]]*)/g, (_, path) => plain(find(path, data)));
}

/** @param {string} path @param {any} data */
function find(path, data) {
  if (data && Object.hasOwn(data, path)) return data[path];
  return path.split(/[.[\]]+/).filter(Boolean).reduce((at, key) => (at && typeof at === "object" && Object.hasOwn(at, key) ? at[key] : undefined), data);
}

/** A value as a reader sees it. @param {any} value */
export function plain(value) {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** Rows of names and values. @param {any} value */
function table(value) {
  const rows = Array.isArray(value) ? value : null;
  if (rows && rows.every((row) => row && typeof row === "object" && !Array.isArray(row))) return wide(rows);
  const pairs = Object.entries(value && typeof value === "object" ? value : { value });
  const body = make("tbody", {}, ...pairs.map(([key, cell]) => make("tr", {}, make("th", { scope: "row", text: key }), make("td", { text: plain(cell) }))));
  return make("div", { class: "scroll row-table", tabindex: 0, role: "region", "aria-label": "Table" }, make("table", {}, body));
}

/** @param {Record<string, any>[]} rows */
function wide(rows) {
  const keys = [...new Set(rows.flatMap((row) => Object.keys(row)))].slice(0, 200);
  const head = make("tr", {}, ...keys.map((key) => make("th", { scope: "col", text: key })));
  const body = rows.slice(0, 1000).map((row) => make("tr", {}, ...keys.map((key) => make("td", { text: plain(row[key]) }))));
  return make("div", { class: "scroll row-table", tabindex: 0, role: "region", "aria-label": "Table" },
    make("table", {}, make("thead", {}, head), make("tbody", {}, ...body)));
}

/** A dialogue or a list, one paragraph an entry. @param {any} value @param {Shown} shown */
function entries(value, shown) {
  const said = shown.attrs.textkey || "text";
  const by = shown.attrs.namekey || "author";
  const list = Array.isArray(value) ? value : [value];
  return make("div", { class: "entries" }, ...list.map((one) => {
    const name = one && typeof one === "object" ? plain(one[by] ?? one.title) : "";
    const text = one && typeof one === "object" ? plain(one[said] ?? one.body ?? one) : plain(one);
    return make("p", {}, ...(name ? [make("b", { text: `${name} ` })] : []), text);
  }));
}

/** Sound or film. @param {"audio" | "video"} tag @param {any} value */
function player(tag, value) {
  const address = plain(value);
  if (!/^(https?:\/\/|\/(?!\/)|data:(audio|video)\/)/i.test(address)) return entries(address, /** @type {any} */ ({ attrs: {} }));
  return make(tag, { src: address, controls: true, preload: "metadata" });
}

/**
 * The view of one object.
 * @param {Shown} shown @param {Record<string, any>} data The task's data. @param {Answers} answers
 * @returns {View}
 */
export function viewOf(shown, data, answers) {
  const value = resolve(shown.value, data);
  const missing = value === undefined ? `The task has no field ${shown.value}.` : "";
  if (missing) return { root: make("p", { class: "problem level-warn", role: "status", text: missing }) };
  if (shown.tag === "Text" || shown.tag === "HyperText") {
    const text = new TextView(shown, typeof value === "string" ? value : plain(value), answers);
    return { root: text.root, text };
  }
  if (shown.tag === "Image") {
    if (Array.isArray(value) && value.length > 1) return { root: gallery(value) };
    const image = new ImageView(shown, plain(Array.isArray(value) ? value[0] : value), answers);
    return { root: image.root, image };
  }
  if (shown.tag === "Table") return { root: table(value) };
  if (shown.tag === "Paragraphs" || shown.tag === "List" || shown.tag === "Chat") return { root: entries(value, shown) };
  if (shown.tag === "Audio" || shown.tag === "AudioPlus") return { root: player("audio", value) };
  if (shown.tag === "Video") return { root: player("video", value) };
  const root = make("div", { class: "unknown" }, make("p", { class: "note", text: `<${shown.tag}> is shown as plain data.` }), make("pre", { text: plain(value) }));
  return { root };
}

/** Several pictures of one task. @param {any[]} values */
function gallery(values) {
  return make("div", { class: "gallery" }, ...values.slice(0, 50).map((one, i) => (isPicture(plain(one))
    ? make("img", { src: plain(one), alt: `Picture ${i + 1}`, loading: "lazy", referrerpolicy: "no-referrer" })
    : make("p", { text: plain(one) }))));
}

/**
 * A config whose options are all known: some are named by the task's data (`value="$options"`).
 * @param {import("./answers.js").Config} config @param {Record<string, any>} data
 * @returns {import("./answers.js").Config} The same object where nothing depends on the data.
 */
export function withOptions(config, data) {
  if (!config.nodes.some((node) => node.kind === "control" && (node.attrs.from || node.tag === "Ranker"))) return config;
  return {
    ...config,
    nodes: config.nodes.map((node) => {
      if (node.kind === "control" && node.tag === "Ranker") return { ...node, entries: ranked(config, node, data) };
      if (node.kind !== "control" || !node.attrs.from) return node;
      const listed = resolve(node.attrs.from, data);
      const options = (Array.isArray(listed) ? listed : []).slice(0, 500).map((one) => (one && typeof one === "object"
        ? { value: plain(one.alias ?? one.value), text: plain(one.value), background: plain(one.background) } : { value: plain(one) }));
      return { ...node, options };
    }),
  };
}

/** The entries that a ranker orders. @param {import("./answers.js").Config} config @param {import("./answers.js").Control} control @param {Record<string, any>} data */
function ranked(config, control, data) {
  const list = config.nodes.find((node) => node.kind === "object" && control.to.includes(node.name));
  const listed = list?.kind === "object" ? resolve(list.value, data) : [];
  return (Array.isArray(listed) ? listed : []).slice(0, 500).map((one, i) => {
    if (!one || typeof one !== "object") return { id: plain(one), title: plain(one), body: "" };
    return { id: plain(one.id ?? i), title: plain(one.title ?? one.id ?? i + 1), body: plain(one.body ?? one.text) };
  });
}

/** The addresses of the pictures that a task will show: to be loaded ahead. @param {import("./answers.js").Config} config @param {Record<string, any>} data */
export function picturesOf(config, data) {
  return config.nodes.flatMap((node) => {
    if (node.kind !== "object" || node.tag !== "Image") return [];
    const value = resolve(node.value, data);
    return (Array.isArray(value) ? value : [value]).map(plain).filter(isPicture);
  });
}
