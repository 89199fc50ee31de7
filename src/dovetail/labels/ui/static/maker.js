// <project-maker>: makes a project, or changes one. Its label config is shown at work while it is
// written; what is wrong with it is said with its line, its cause and its remedy.

import { make } from "./elements.js";
import { Sitting } from "./sitting.js";

/** @typedef {{name: string, config: string, data: Record<string, any>}} Starter */
/** @typedef {{count: number, fields: string[], first: Record<string, any>}} Peeked */
/** @typedef {{config: import("./answers.js").Config, data: Record<string, any>, fields: string[], notes: string[]}} Preview */

/** What a server says of a refusal, in a sentence. @param {Response} answer */
async function refusal(answer) {
  const said = await answer.json().catch(() => ({}));
  const fields = Object.entries(said.validation_errors ?? {}).map(([, text]) => [text].flat().join(" "));
  return fields.join(" ") || said.detail || said.title || `The server answered ${answer.status}.`;
}

/** Files that list tasks, and how large one may be to be looked into before it is sent. */
const TABLES = /\.(json|jsonl|ndjson|csv|tsv|parquet)$/i;
const LOOKED = 50_000_000;

class ProjectMaker extends HTMLElement {
  /** What the chosen file holds; null where there is none, or it lists no tasks. @type {Peeked | null} */ #file = null;
  #timer = 0;
  #asked = 0;
  /** The project that was made, so that a failed upload does not make a second one. */ #made = 0;

  connectedCallback() {
    const form = this.querySelector("form");
    if (!form || this.form) return;
    this.form = form;
    this.project = Number(this.getAttribute("project")) || 0;
    this.starters = /** @type {Starter[]} */ (JSON.parse(this.querySelector("script")?.textContent ?? "[]"));
    this.config = /** @type {HTMLTextAreaElement} */ (form.elements.namedItem("label_config"));
    this.output = /** @type {HTMLOutputElement} */ (form.querySelector("output"));
    this.preview = /** @type {HTMLElement} */ (this.querySelector(".stage-of-preview"));
    this.querySelectorAll(".templates button").forEach((button, i) => {
      button.addEventListener("click", () => this.#start(i));
    });
    this.config.addEventListener("input", () => {
      this.#pressed(-1);
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#show(), 250);
    });
    /** @type {HTMLElement} */ (form.elements.namedItem("file")).addEventListener("change", () => this.#look());
    form.addEventListener("submit", (event) => { event.preventDefault(); this.#save(); });
    if (!this.config.value) this.#start(0);
    else this.#show();
  }

  /** @param {number} index */
  #pressed(index) {
    this.querySelectorAll(".templates button").forEach((button, i) => button.setAttribute("aria-pressed", String(i === index)));
  }

  /** @param {number} index */
  #start(index) {
    if (!this.config || !this.starters) return;
    this.config.value = this.starters[index].config;
    this.#pressed(index);
    this.#show();
  }

  /** Look into the chosen file: the preview then shows its first task. */
  async #look() {
    const field = /** @type {HTMLInputElement} */ (this.form?.elements.namedItem("file"));
    const file = field.files?.[0];
    this.#file = null;
    this.#say("");
    if (file && TABLES.test(file.name) && file.size <= LOOKED) {
      const answer = await fetch(`/api/labels/files/peek?name=${encodeURIComponent(file.name)}`, { method: "POST", body: file }).catch(() => null);
      if (answer?.ok) this.#file = await answer.json();
      else if (answer) this.#say(await refusal(answer), true);
    }
    await this.#show();
  }

  /** What the file says to the fields that the config shows. @param {string[]} fields @returns {Node[]} */
  #fields(fields) {
    const file = this.#file;
    if (!file) return [make("p", { class: "note", text: fields.length ? `Each task needs: ${fields.join(", ")}.` : "No field of the tasks is shown." })];
    const missing = fields.filter((field) => !file.fields.includes(field.split(/[.[]/)[0]));
    const said = make("p", { class: "note", text: `${file.count.toLocaleString("en")} tasks with ${file.fields.join(", ")}.` });
    return [said, ...missing.map((field) => this.#offer(field, file.fields))];
  }

  /** Offer the file's fields for one that it lacks. @param {string} field @param {string[]} fields */
  #offer(field, fields) {
    const buttons = fields.slice(0, 12).map((one) => make("button", {
      type: "button", text: one,
      onclick: () => {
        if (!this.config) return;
        const escaped = field.replace(/[^\w]/g, "\\$&");
        this.config.value = this.config.value.replace(new RegExp(`\\$${escaped}(?![\\w])`, "g"), () => `$${one}`);
        this.#show();
      },
    }));
    return make("div", { class: "problem level-warn", role: "status" }, make("p", { text: `The file has no field ${field}. Show instead:` }), make("p", { class: "templates" }, ...buttons));
  }

  /** Show the config at work, or what is wrong with it. */
  async #show() {
    const asked = ++this.#asked;
    const body = JSON.stringify({ label_config: this.config?.value });
    const answer = await fetch("/api/labels/config/preview", { method: "POST", body, headers: { "Content-Type": "application/json" } }).catch(() => null);
    if (asked !== this.#asked || !answer) return;
    if (!answer.ok) {
      this.config?.setAttribute("aria-invalid", "true");
      this.preview?.replaceChildren(make("div", { class: "problem level-alarm", role: "status" }, make("p", { class: "what", text: "The label config cannot be used" }), make("p", { text: await refusal(answer) })));
      return;
    }
    this.config?.removeAttribute("aria-invalid");
    const { config, data, fields, notes } = /** @type {Preview} */ (await answer.json());
    if (asked !== this.#asked) return;
    const sitting = new Sitting(config, { id: 0, data: this.#file?.first ?? data, prediction: null }, null);
    this.preview?.replaceChildren(sitting.view.root, sitting.controls.root, sitting.side, ...this.#fields(fields), ...notes.map((text) => make("p", { class: "note kept", text })));
  }

  /** Make or change the project, then send the files. */
  async #save() {
    const form = /** @type {HTMLFormElement} */ (this.form);
    const data = new FormData(form);
    const files = /** @type {File[]} */ (data.getAll("file")).filter((file) => file.size || file.name);
    const button = /** @type {HTMLButtonElement} */ (form.querySelector("button.main"));
    button.disabled = true;
    const number = await this.#project(data);
    if (number && files.length) {
      this.#say(`Sending ${files.length === 1 ? files[0].name : `${files.length} files`}…`);
      if (!await this.#send(number, files)) { button.disabled = false; return; }
    }
    button.disabled = false;
    if (number) location.assign(`/labels/projects/${number}`);
  }

  /** @param {string} text @param {boolean} [wrong] */
  #say(text, wrong = false) {
    if (!this.output) return;
    this.output.textContent = text;
    this.output.classList.toggle("wrong", wrong);
  }

  /** Write the project. @param {FormData} data @returns {Promise<number>} Its id; 0 where it was refused. */
  async #project(data) {
    const known = this.project || this.#made;
    const body = JSON.stringify({
      title: data.get("title"), label_config: data.get("label_config"), expert_instruction: data.get("expert_instruction"),
      maximum_annotations: Number(data.get("maximum_annotations")) || 1, show_collab_predictions: data.get("show_collab_predictions") === "on",
    });
    const path = known ? `/api/projects/${known}/` : "/api/projects/";
    const answer = await fetch(path, { method: known ? "PATCH" : "POST", body, headers: { "Content-Type": "application/json" } }).catch(() => null);
    if (!answer?.ok) {
      this.#say(answer ? await refusal(answer) : "The server does not answer.", true);
      return 0;
    }
    const said = await answer.json();
    if (!this.project) this.#made = said.id;
    return said.id;
  }

  /** Send files of tasks. @param {number} number @param {File[]} files */
  async #send(number, files) {
    const body = new FormData();
    files.forEach((file) => body.append("file", file, file.name));
    const answer = await fetch(`/api/projects/${number}/import`, { method: "POST", body }).catch(() => null);
    if (answer?.ok) return true;
    this.#say(answer ? `The project is there, the tasks are not: ${await refusal(answer)}` : "The server does not answer.", true);
    return false;
  }
}

customElements.define("project-maker", ProjectMaker);
