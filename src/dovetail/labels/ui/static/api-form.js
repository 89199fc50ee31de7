// <api-form>: a form whose fields go to the API as one JSON object. `done` says where to go then; without
// it the page is loaded again. Why something was refused is said beside its field, or in the form's output.

import { send } from "./fields.js";

class ApiForm extends HTMLElement {
  connectedCallback() {
    const form = this.querySelector("form");
    form?.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send(form);
    });
  }

  /** @param {HTMLFormElement} form */
  async #send(form) {
    const question = this.getAttribute("question");
    if (question && !window.confirm(question)) return;
    const within = this.getAttribute("within");
    const { detail, value } = await send(form, this.getAttribute("method") ?? "POST", form.action, (body) => {
      if (!within) return body;
      const { parent, ...rest } = body;
      return { parent, [within]: rest };
    });
    if (detail) return;
    const told = this.getAttribute("told");
    const output = form.querySelector("output");
    if (told && output) output.textContent = told.replace(/\{(\w+)\}/g, (_, key) => String(value?.[key]));
    const next = this.getAttribute("done");
    if (next) location.assign(next);
    else if (!told) location.reload();
  }
}

customElements.define("api-form", ApiForm);
