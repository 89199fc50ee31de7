// <project-field>: a field that names a project by its number. Part of a title finds projects meanwhile, and
// the title of the number that stands there is said beside it.

const PAUSE_MS = 200;
const SHOWN = 20;

/** @typedef {{id: number, title: string}} Project */

class ProjectField extends HTMLElement {
  #timer = 0;
  #turn = 0;

  connectedCallback() {
    const input = this.querySelector("input");
    input?.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#tell("");
      this.#timer = setTimeout(() => this.#look(input.value.trim()), PAUSE_MS);
    });
    if (input?.value) this.#look(input.value.trim());
  }

  /** Say the title of a number, or offer the projects whose title holds a text. @param {string} text */
  async #look(text) {
    if (!text) return;
    const turn = ++this.#turn;
    const isNumber = /^[0-9]{1,9}$/.test(text);
    if (isNumber) {
      const answer = await fetch(`/api/projects/${text}/`).catch(() => null);
      const project = answer?.ok ? await answer.json() : null;
      if (turn === this.#turn) this.#tell(project ? project.title : "There is no such project.");
      return;
    }
    const answer = await fetch(`/labels.json?ask=${encodeURIComponent(text)}`).catch(() => null);
    const { projects = [], total = 0 } = answer?.ok ? await answer.json() : {};
    if (turn !== this.#turn) return;
    const found = /** @type {Project[]} */ (projects).filter((one) => String(one.id) !== this.getAttribute("not")).slice(0, SHOWN);
    this.querySelector("datalist")?.replaceChildren(...found.map((one) => new Option(one.title, String(one.id))));
    const first = found[0];
    this.#tell(!first ? "No project has such a title." : found.length === 1 ? `${first.id}: ${first.title}` : `${total} projects, such as ${first.id}: ${first.title}`);
  }

  /** @param {string} text */
  #tell(text) {
    const place = this.querySelector("[role=status]");
    if (place) place.textContent = text && `· ${text}`;
  }
}

customElements.define("project-field", ProjectField);
