// <try-it model>: sends what its form says as a real inference request of the role `test`, which no log
// takes for traffic, and shows the answer with the command that sends the same.

/** @typedef {{name: string, datatype: string, shape: number[], fields: {label: string, whole: boolean}[]}} Group */

const EMPTY = new Set(["", "null", "nan"]);

/** A field's text as the tensor wants it. @param {string} text @param {string} datatype */
function valueOf(text, datatype) {
  if (datatype === "BYTES") return text;
  const plain = text.trim().toLowerCase();
  if (datatype === "BOOL") {
    if (["true", "1", "yes"].includes(plain)) return true;
    if (["false", "0", "no"].includes(plain)) return false;
    throw new Error("true or false");
  }
  if (datatype.startsWith("FP") && EMPTY.has(plain)) return null;
  const number = Number(plain);
  if (plain === "" || !Number.isFinite(number)) throw new Error("a number");
  if (!datatype.startsWith("FP") && !Number.isInteger(number)) throw new Error("a whole number");
  return number;
}

/** A number in few characters. @param {unknown} value */
function brief(value) {
  return typeof value === "number" && !Number.isInteger(value) ? String(Number(value.toPrecision(6))) : JSON.stringify(value);
}

class TryIt extends HTMLElement {
  /** @type {Group[]} */ #groups = [];
  #isReady = false;

  connectedCallback() {
    if (this.#isReady) return;
    this.#isReady = true;
    this.#groups = JSON.parse(this.querySelector("script")?.textContent ?? "[]");
    this.querySelector("form")?.addEventListener("submit", (event) => { event.preventDefault(); this.#send(); });
  }

  /** The tensors that the fields make; a field that is wrong is marked and named. */
  #inputs() {
    /** @type {any[]} */ const inputs = this.#groups.map(({ name, datatype, shape }) => ({ name, datatype, shape, data: [] }));
    let problem = "";
    this.querySelectorAll(".field").forEach((field) => {
      const index = Number(/** @type {HTMLElement} */ (field).dataset.group);
      const control = /** @type {HTMLInputElement} */ (field.querySelector("input, select, textarea"));
      const { datatype } = this.#groups[index];
      try {
        if (field.classList.contains("whole")) {
          const data = JSON.parse(control.value);
          if (!Array.isArray(data)) throw new Error("a list");
          inputs[index].data = data;
        } else {
          inputs[index].data.push(valueOf(control.value, datatype));
        }
        control.removeAttribute("aria-invalid");
      } catch (error) {
        control.setAttribute("aria-invalid", "true");
        const due = error instanceof SyntaxError ? "a JSON list" : /** @type {Error} */ (error).message;
        problem ||= `${control.labels?.[0]?.firstChild?.textContent?.trim()} must be ${due}.`;
      }
    });
    if (problem) throw new Error(problem);
    return inputs;
  }

  async #send() {
    const output = /** @type {HTMLElement} */ (this.querySelector(":scope > output"));
    let inputs;
    try {
      inputs = this.#inputs();
    } catch (error) {
      output.replaceChildren(TryIt.#element("p", /** @type {Error} */ (error).message, "wrong"));
      return;
    }
    const version = /** @type {HTMLSelectElement} */ (this.querySelector("[data-version]")).value;
    const model = encodeURIComponent(this.getAttribute("model") ?? "");
    const path = `/v2/models/${model}${version ? `/versions/${encodeURIComponent(version)}` : ""}/infer`;
    const body = JSON.stringify({ inputs, parameters: { role: "test" } });
    const began = performance.now();
    try {
      const answer = await fetch(path, { method: "POST", body, headers: { "Content-Type": "application/json" } });
      const text = await answer.text();
      const took = performance.now() - began;
      output.replaceChildren(TryIt.#shown(answer, text, took), TryIt.#command(path, JSON.stringify({ inputs })));
    } catch {
      output.replaceChildren(TryIt.#element("p", "The server does not answer.", "wrong"));
    }
  }

  /** The answer, its outputs by name. @param {Response} answer @param {string} text @param {number} took */
  static #shown(answer, text, took) {
    const box = TryIt.#element("div", "", "answer");
    /** @type {any} */ let said = {};
    try { said = JSON.parse(text); } catch { /* bare NaN: shown as it came */ }
    if (!answer.ok) {
      box.append(TryIt.#element("p", said.error ?? `The server answered ${answer.status}.`, "wrong"));
      return box;
    }
    const who = said.model_version ? `Version ${said.model_version} answered` : "Answered";
    box.append(TryIt.#element("p", `${who} in ${took.toFixed(1)} ms, the way there and back included.`));
    const list = document.createElement("dl");
    for (const one of said.outputs ?? []) {
      const values = (one.data ?? []).slice(0, 20).map(brief).join(", ");
      const more = (one.data ?? []).length > 20 ? ", …" : "";
      list.append(TryIt.#element("dt", `${one.name} ${one.datatype} [${one.shape.join(", ")}]`));
      list.append(TryIt.#element("dd", values + more));
    }
    if (!said.outputs) list.append(TryIt.#element("dd", text));
    box.append(list);
    return box;
  }

  /** The command that sends the same. @param {string} path @param {string} body */
  static #command(path, body) {
    const text = `curl -s ${location.origin}${path} -d '${body.replaceAll("'", "'\\''")}'`;
    const box = TryIt.#element("div", "", "command");
    const copy = document.createElement("copy-button");
    copy.setAttribute("text", text);
    box.append(TryIt.#element("code", text), copy);
    return box;
  }

  /** @param {string} tag @param {string} text @param {string} [kind] */
  static #element(tag, text, kind = "") {
    const made = document.createElement(tag);
    if (text) made.textContent = text;
    if (kind) made.className = kind;
    return made;
  }
}

customElements.define("try-it", TryIt);
