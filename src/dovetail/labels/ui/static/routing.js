// The page of a project's sources: <routing-form> says what is wanted and shows meanwhile what that costs,
// <source-list> adds sources and changes, pauses and removes them. Both send what the API takes.

import { ask, complain, fieldsOf, fill, read, send, settle } from "./fields.js";

const PAUSE_MS = 350;

/** @param {number} value @param {number} [digits] */
function number(value, digits = 0) { return value.toLocaleString("en", { maximumFractionDigits: digits }); }

/** @param {number} value */
function percent(value) { return `${number(value * 100, 1)}%`; }

/** A part of a page that has one form. */
class WithForm extends HTMLElement {
  get form() { return /** @type {HTMLFormElement} */ (this.querySelector("form")); }
}

class RoutingForm extends WithForm {
  #timer = 0;
  #turn = 0;

  connectedCallback() {
    const zone = this.querySelector("[data-given]");
    if (zone instanceof HTMLInputElement && zone.dataset.given) fill(this.form, { deadline: Number(zone.dataset.given) });
    this.form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (!(await send(this.form, "PUT", this.form.action)).detail) location.reload();
    });
    this.form.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#estimate(), PAUSE_MS);
    });
    this.#estimate();
  }

  /** Show what the form as it stands would cost. */
  async #estimate() {
    const shown = /** @type {HTMLElement} */ (this.querySelector(".estimate"));
    if (!this.form.checkValidity()) { shown.textContent = "–"; return; }
    const turn = ++this.#turn;
    const { quality, floor, most, audit, budget } = /** @type {any} */ (read(this.form));
    const accuracy = Number(/** @type {HTMLInputElement} */ (this.form.elements.namedItem("accuracy")).value) / 100;
    const { value, detail } = await ask("POST", `${this.form.action}/estimate`, { quality, floor, most, audit, accuracy });
    if (turn === this.#turn) shown.textContent = detail || this.#told(value, budget);
  }

  /** @param {any} said @param {number | null} budget */
  #told(said, budget) {
    const tasks = Math.max(Number(this.getAttribute("tasks")), 1);
    const short = budget !== null && budget < said.cost ? ` The budget of ${number(budget, 2)} pays for about ${percent(budget / said.cost)} of them.` : "";
    return `About ${number(said.answers)} answers by people, ${number(said.answers / tasks, 1)} a task, that cost ${number(said.cost, 2)} (between ${number(said.cost_least, 2)} and ${number(said.cost_most, 2)}).${short} `
      + `${percent(said.quality)} of the tasks come out right; ${percent(said.quality_least)} where a third of them misleads everybody.`;
  }
}

class SourceList extends WithForm {
  /** The description that is changed; null for a new one. @type {Record<string, any> | null} */ #given = null;

  connectedCallback() {
    const dialog = /** @type {HTMLDialogElement} */ (this.querySelector("dialog"));
    const kind = /** @type {HTMLSelectElement} */ (this.form.elements.namedItem("kind"));
    this.querySelector("[data-add]")?.addEventListener("click", () => this.#open(dialog, kind, null));
    this.querySelector("[data-close]")?.addEventListener("click", () => dialog.close());
    kind.addEventListener("change", () => { settle(this.form); this.#ask(kind.value); });
    this.form.addEventListener("submit", (event) => { event.preventDefault(); this.#save(); });
    for (const row of /** @type {NodeListOf<HTMLElement>} */ (this.querySelectorAll("[data-spec]"))) {
      const spec = JSON.parse(row.dataset.spec ?? "{}");
      row.querySelector("[data-do=change]")?.addEventListener("click", () => this.#open(dialog, kind, spec));
      row.querySelector("[data-do=pause]")?.addEventListener("click", () => this.#do("POST", this.form.action, { ...spec, paused: !spec.paused }));
      row.querySelector("[data-do=remove]")?.addEventListener("click", () => {
        if (window.confirm(`Remove ${spec.name}? Its answers stay.`)) this.#do("DELETE", `${this.form.action}/${encodeURIComponent(spec.name)}`);
      });
    }
  }

  /** @param {HTMLDialogElement} dialog @param {HTMLSelectElement} kind @param {Record<string, any> | null} spec */
  #open(dialog, kind, spec) {
    this.#given = spec;
    this.form.reset();
    settle(this.form);
    if (spec) fill(this.form, spec);
    for (const option of kind.options) option.disabled = spec ? option.value !== spec.kind : option.value === "people";
    if (!spec) kind.value = kind.dataset.first ?? "";
    this.#ask(kind.value);
    if (spec) for (const name of this.form.querySelectorAll("[name=name]")) this.#hold(name);
    /** @type {HTMLElement} */ (dialog.querySelector("h3")).textContent = spec ? `Change ${spec.name}` : "Add a source";
    dialog.showModal();
  }

  /** Keep a name as it is: a source is known by it. @param {Element} field */
  #hold(field) {
    if (field instanceof HTMLSelectElement) field.disabled = true;
    else /** @type {HTMLInputElement} */ (field).readOnly = true;
  }

  /** Show the fields of a kind. @param {string} kind */
  #ask(kind) {
    for (const part of /** @type {NodeListOf<HTMLElement>} */ (this.form.querySelectorAll("[data-for]"))) {
      part.hidden = !part.dataset.for?.split(" ").includes(kind);
      for (const field of part.querySelectorAll("input, select, textarea")) {
        const one = /** @type {HTMLInputElement} */ (field);
        one.disabled = part.hidden;
        if (one.name === "name") one.readOnly = false;
      }
    }
  }

  async #save() {
    const taken = [...this.querySelectorAll("[data-spec]")].map((row) => JSON.parse(/** @type {HTMLElement} */ (row).dataset.spec ?? "{}").name);
    const name = fieldsOf(this.form).find((field) => field.name === "name")?.value ?? "";
    if (!this.#given && taken.includes(name)) {
      settle(this.form);
      return complain(this.form, { field: "name", detail: `There is a source ${name} already: change that one, or take another name.` });
    }
    const kept = this.#given ? { ...this.#given } : {};
    const { detail } = await send(this.form, "POST", this.form.action, (body) => ({ ...kept, ...body }));
    if (!detail) location.reload();
  }

  /** @param {string} method @param {string} path @param {unknown} [body] */
  async #do(method, path, body) {
    const { detail } = await ask(method, path, body);
    if (!detail) return location.reload();
    const said = this.querySelector(".said-of-list");
    if (said) said.textContent = detail;
  }
}

customElements.define("routing-form", RoutingForm);
customElements.define("source-list", SourceList);
