// <api-form>: a form whose fields go to the API as one JSON object. `done` says where to go then; without
// it the page is loaded again. Why something was refused is said in the form's output.

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
    const output = form.querySelector("output");
    const button = form.querySelector("button");
    if (button) button.disabled = true;
    const why = await this.#ask(form);
    if (button) button.disabled = false;
    if (output) output.textContent = why;
    output?.classList.toggle("wrong", why !== "");
    if (why) return;
    const next = this.getAttribute("done");
    if (next) location.assign(next);
    else location.reload();
  }

  /** @param {HTMLFormElement} form @returns {Promise<string>} Why it was refused; "" when it was done. */
  async #ask(form) {
    /** @type {Record<string, unknown>} */ const body = {};
    for (const field of form.elements) {
      if (!(field instanceof HTMLInputElement || field instanceof HTMLSelectElement || field instanceof HTMLTextAreaElement) || !field.name) continue;
      if (field instanceof HTMLInputElement && field.type === "checkbox") body[field.name] = field.checked;
      else if (field.dataset.kind === "boolean") body[field.name] = field.value === "true";
      else if (field instanceof HTMLInputElement && field.type === "number") body[field.name] = field.valueAsNumber;
      else body[field.name] = field.value;
    }
    const method = this.getAttribute("method") ?? "POST";
    try {
      const answer = await fetch(form.action, { method, body: method === "DELETE" ? undefined : JSON.stringify(body), headers: { "Content-Type": "application/json" } });
      if (answer.ok) return "";
      const said = await answer.json().catch(() => ({}));
      return said.detail ?? said.title ?? `The server answered ${answer.status}.`;
    } catch {
      return "The server does not answer.";
    }
  }
}

customElements.define("api-form", ApiForm);
