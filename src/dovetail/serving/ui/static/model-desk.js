// What changes a model: <api-button> asks the admin API once, <traffic-editor> divides the requests
// between the versions. Both reload the page when the server has taken the change, and say why when it has not.

/**
 * Ask the admin API. @param {string} method @param {string} path @param {string} body
 * @returns {Promise<string>} Why it was refused; empty when it was done.
 */
async function ask(method, path, body) {
  try {
    const answer = await fetch(path, { method, body, headers: { "Content-Type": "application/json" } });
    if (answer.ok) return "";
    const said = await answer.json().catch(() => ({}));
    return said.error ?? said.detail ?? said.title ?? `the server answered ${answer.status}`;
  } catch {
    return "the server does not answer";
  }
}

/** <api-button method path body text label question>: a button that makes one call. */
class ApiButton extends HTMLElement {
  connectedCallback() {
    if (this.firstChild) return;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = this.getAttribute("text");
    button.setAttribute("aria-label", this.getAttribute("label") ?? button.textContent ?? "");
    const output = document.createElement("output");
    output.setAttribute("aria-live", "polite");
    button.addEventListener("click", async () => {
      const question = this.getAttribute("question");
      if (question && !window.confirm(question)) return;
      button.disabled = true;
      output.textContent = "…";
      const problem = await ask(
        this.getAttribute("method") ?? "POST", this.getAttribute("path") ?? "", this.getAttribute("body") ?? "{}",
      );
      button.disabled = false;
      output.textContent = problem;
      if (!problem) location.reload();
    });
    this.append(button, output);
  }
}

/** <traffic-editor path>: shares of the versions that always add up to 100. */
class TrafficEditor extends HTMLElement {
  /** @type {{version: string, slider: HTMLInputElement, number: HTMLInputElement, value: number, saved: number}[]} */
  #parts = [];
  /** @type {HTMLFormElement | null} */ #form = null;

  connectedCallback() {
    if (this.#form) return;
    this.#form = this.querySelector("form");
    this.querySelectorAll(".part").forEach((part) => {
      const slider = /** @type {HTMLInputElement} */ (part.querySelector("[type=range]"));
      const number = /** @type {HTMLInputElement} */ (part.querySelector("[type=number]"));
      const value = Number(number.value);
      const version = /** @type {HTMLElement} */ (part).dataset.version ?? "";
      const one = { version, slider, number, value, saved: value };
      this.#parts.push(one);
      const only = this.querySelectorAll(".part").length === 1;
      slider.disabled = number.disabled = only;
      slider.addEventListener("input", () => this.#set(one, Number(slider.value)));
      number.addEventListener("change", () => this.#set(one, Number(number.value)));
      number.addEventListener("input", () => { if (number.value !== "") this.#set(one, Number(number.value), true); });
      const all = /** @type {HTMLButtonElement} */ (part.querySelector("[data-all]"));
      all.hidden = only;
      all.addEventListener("click", () => this.#set(one, 100));
    });
    this.#form?.addEventListener("submit", (event) => { event.preventDefault(); this.#save(); });
    this.#form?.addEventListener("reset", (event) => {
      event.preventDefault();
      this.#parts.forEach((part) => { part.value = part.saved; });
      this.#show();
    });
  }

  /**
   * Give a version a share; the others keep their proportions in what is left.
   * @param {any} one @param {number} share @param {boolean} [typing]
   */
  #set(one, share, typing = false) {
    one.value = Math.min(100, Math.max(0, Number.isFinite(share) ? share : 0));
    const others = this.#parts.filter((part) => part !== one);
    const before = others.reduce((sum, part) => sum + part.value, 0);
    const left = 100 - one.value;
    let given = 0;
    others.forEach((part, i) => {
      const ideal = before ? (part.value / before) * left : left / others.length;
      part.value = i === others.length - 1 ? TrafficEditor.#round(left - given) : TrafficEditor.#round(ideal);
      given += part.value;
    });
    this.#show(typing ? one : null);
  }

  /** @param {number} value */
  static #round(value) { return Math.max(0, Math.round(value * 100) / 100); }

  /** @param {any} [typing] The part whose number is being typed and so is left alone. */
  #show(typing = null) {
    for (const part of this.#parts) {
      part.slider.value = String(Math.round(part.value));
      if (part !== typing) part.number.value = String(part.value);
    }
    const changed = this.#parts.some((part) => part.value !== part.saved);
    this.#form?.querySelectorAll(".send > button").forEach((button) => {
      /** @type {HTMLButtonElement} */ (button).disabled = !changed;
    });
    this.#say(changed ? "Not saved yet." : "");
  }

  /** @param {string} text @param {boolean} [wrong] */
  #say(text, wrong = false) {
    const output = this.querySelector("output.said");
    if (!output) return;
    output.textContent = text;
    output.classList.toggle("wrong", wrong);
  }

  async #save() {
    const weights = Object.fromEntries(this.#parts.map((part) => [part.version, part.value]));
    this.#say("Saving …");
    const problem = await ask("PUT", this.getAttribute("path") ?? "", JSON.stringify({ weights }));
    if (problem) this.#say(problem, true);
    else location.reload();
  }
}

customElements.define("api-button", ApiButton);
customElements.define("traffic-editor", TrafficEditor);
