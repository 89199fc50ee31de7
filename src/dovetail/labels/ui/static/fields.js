// Fields of a form as JSON and back: shares shown as percent, moments in the reader's time zone, lists and
// mappings a line each. What is wrong is said beside its field.

/** @typedef {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} Field */

/** Something that a field holds and that cannot be sent. */
class Wrong extends Error {
  /** @param {string} field @param {string} what */
  constructor(field, what) {
    super(what);
    this.field = field;
  }
}

/** The named fields of a form that are asked now. @param {HTMLFormElement} form @returns {Field[]} */
export function fieldsOf(form) {
  return /** @type {Field[]} */ ([...form.elements].filter((one) => one.matches("input, select, textarea") && /** @type {Field} */ (one).name && !one.closest("[hidden]")));
}

/** What a field says. @param {Field} field @returns {unknown} undefined to leave it out */
function valueOf(field) {
  const { value, dataset: { kind }, type } = field;
  if (type === "checkbox") return /** @type {HTMLInputElement} */ (field).checked;
  if (kind === "boolean") return value === "true";
  if (kind === "estimate") return undefined;
  if (kind === "lines") return lines(field.name, value);
  if (kind === "pairs") return value.trim() ? lines(field.name, value, true) : {};
  if (kind === "json") return json(field.name, value);
  if (kind === "words") return value.split(",").map((one) => one.trim()).filter(Boolean);
  if (kind === "time") return value ? Date.parse(value) / 1000 : null;
  if (kind === "number") return Number(value);
  if (type !== "number") return value;
  const number = value === "" ? null : Number(value);
  return kind === "percent" && number !== null ? Number((number / 100).toPrecision(12)) : number;
}

/** @param {string} name @param {string} text */
function json(name, text) {
  try { return JSON.parse(text); } catch (error) { throw new Wrong(name, `This is no JSON: ${/** @type {Error} */ (error).message}`); }
}

/** Lines `key = value`, or a value each; `a, b` after `=` is a list. @param {string} name @param {string} text @param {boolean} [isPaired] Whether each line has an `=`. */
function lines(name, text, isPaired = false) {
  if (/^\s*[[{]/.test(text)) return json(name, text);
  const rows = text.split("\n").map((line) => line.trim()).filter(Boolean);
  const pairs = rows.filter((row) => row.includes("="));
  if ((isPaired || pairs.length) && pairs.length < rows.length) throw new Wrong(name, `A line has no "=": ${rows.find((row) => !row.includes("="))}`);
  if (!pairs.length) return rows;
  return Object.fromEntries(pairs.map((row) => {
    const at = row.indexOf("=");
    const said = row.slice(at + 1).trim();
    const many = name === "inputs" && said.includes(",");
    return [row.slice(0, at).trim(), many ? said.split(",").map((one) => one.trim()).filter(Boolean) : said];
  }));
}

/** A value as lines, such that they mean the same. @param {string} name @param {any} value */
function asLines(name, value) {
  if (value === undefined) return "";
  const text = Array.isArray(value) ? value.join("\n")
    : Object.entries(value).map(([key, said]) => `${key} = ${Array.isArray(said) ? said.join(", ") + (said.length < 2 ? "," : "") : said}`).join("\n");
  const empty = Array.isArray(value) ? !value.length : !Object.keys(value).length;
  if (empty) return "";
  return JSON.stringify(lines(name, text)) === JSON.stringify(value) ? text : JSON.stringify(value, null, 1);
}

/** What a form says, as one object. @param {HTMLFormElement} form @returns {Record<string, unknown>} */
export function read(form) {
  /** @type {Record<string, unknown>} */ const body = {};
  for (const field of fieldsOf(form)) {
    const value = valueOf(field);
    if (value !== undefined) body[field.name] = value;
  }
  return body;
}

/** Write what a description says into a form. @param {HTMLFormElement} form @param {Record<string, any>} given */
export function fill(form, given) {
  for (const field of /** @type {Field[]} */ ([...form.elements])) {
    if (!field.name || !(field.name in given)) continue;
    const value = given[field.name];
    if (field.dataset.kind === "lines" || field.dataset.kind === "pairs") field.value = asLines(field.name, value);
    else if (field.dataset.kind === "json") field.value = JSON.stringify(value, null, 1);
    else if (field.dataset.kind === "time") field.value = value === null ? "" : new Date((value - new Date(value * 1000).getTimezoneOffset() * 60) * 1000).toISOString().slice(0, 16);
    else field.value = value ?? "";
  }
}

/** Take what was said of a form's fields away. @param {HTMLFormElement} form */
export function settle(form) {
  form.querySelectorAll(".wrong-field").forEach((one) => one.remove());
  form.querySelectorAll("[aria-invalid]").forEach((one) => { one.removeAttribute("aria-invalid"); one.removeAttribute("aria-describedby"); });
  const output = form.querySelector("output");
  if (output) { output.textContent = ""; output.classList.remove("wrong"); }
}

/** Say what is wrong beside its field, or at the form's end. @param {HTMLFormElement} form @param {{field?: string, detail: string}} problem */
export function complain(form, { field: name, detail }) {
  const wanted = (name ?? "").split(/[.[]/)[0] || /required field `(\w+)`/.exec(detail)?.[1];
  const field = fieldsOf(form).find((one) => one.name === wanted && one.type !== "hidden");
  if (!field) {
    const output = form.querySelector("output");
    if (output) { output.textContent = detail; output.classList.add("wrong"); }
    return;
  }
  const said = document.createElement("span");
  said.className = "wrong-field";
  said.id = `wrong-${field.name}`;
  said.textContent = detail;
  field.after(said);
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-describedby", said.id);
  field.focus();
}

/** Ask the API. @param {string} method @param {string} path @param {unknown} [body] @returns {Promise<{value?: any, field?: string, detail: string}>} `detail` is "" when it was done. */
export async function ask(method, path, body) {
  try {
    const answer = await fetch(path, { method, body: body === undefined ? undefined : JSON.stringify(body), headers: { "Content-Type": "application/json" } });
    const value = await answer.json().catch(() => ({}));
    if (answer.ok) return { value, detail: "" };
    const [field, told] = Object.entries(value.validation_errors ?? {})[0] ?? [value.field, null];
    return { field, detail: (Array.isArray(told) ? told.join(" ") : told) ?? value.detail ?? value.title ?? `The server answered ${answer.status}.` };
  } catch {
    return { detail: "The server does not answer." };
  }
}

/** Read a form and ask with it. @param {HTMLFormElement} form @param {string} method @param {string} path @param {(body: Record<string, any>) => unknown} [change] */
export async function send(form, method, path, change = (body) => body) {
  settle(form);
  const button = form.querySelector("button");
  let said;
  try {
    const body = method === "DELETE" ? undefined : change(read(form));
    if (button) button.disabled = true;
    said = await ask(method, path, body);
  } catch (error) {
    if (!(error instanceof Wrong)) throw error;
    said = { field: error.field, detail: error.message };
  }
  if (button) button.disabled = false;
  if (said.detail) complain(form, said);
  return said;
}
