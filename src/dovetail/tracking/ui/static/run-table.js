// <run-table>: choosing runs by mouse and by keyboard, and remembering the columns.
//
// The table, its links and its buttons work without this. Here: a box that chooses all, how many are
// chosen, a range with Shift, and keys while the focus is in the table: x chooses the row, Shift+X all, c
// compares. The columns that the address names are kept in a cookie of this experiment's page.

const COOKIE = "dovetail_columns";
const MOST = 3500;

class RunTable extends HTMLElement {
  /** @type {HTMLInputElement | undefined} */ #all;
  /** @type {HTMLInputElement | undefined} */ #last;

  connectedCallback() {
    this.#remember();
    const head = this.querySelector("thead .pick");
    if (head && !head.firstChild) {
      this.#all = document.createElement("input");
      this.#all.type = "checkbox";
      this.#all.setAttribute("aria-label", "Choose all on this page");
      this.#all.addEventListener("change", () => this.#choose(this.#boxes, !!this.#all?.checked));
      head.append(this.#all);
    }
    this.addEventListener("click", (event) => this.#onClick(event));
    this.addEventListener("change", () => this.#tell());
    this.addEventListener("keydown", (event) => this.#onKey(event));
    this.querySelector("form")?.addEventListener("submit", (event) => this.#onSubmit(event));
    this.#tell();
  }

  /** The boxes of the rows. @returns {HTMLInputElement[]} */
  get #boxes() {
    return [...this.querySelectorAll("tbody input[name=runs]")].map((box) => /** @type {HTMLInputElement} */ (box));
  }

  /** @param {HTMLInputElement[]} boxes @param {boolean} on */
  #choose(boxes, on) {
    for (const box of boxes) box.checked = on;
    this.#tell();
  }

  /** Say how many are chosen. */
  #tell() {
    const boxes = this.#boxes;
    const count = boxes.filter((box) => box.checked).length;
    const told = this.querySelector(".chosen");
    if (told) told.textContent = count ? `${count} chosen` : "";
    for (const button of this.querySelectorAll("button")) button.disabled = count === 0;
    if (this.#all) {
      this.#all.checked = count > 0 && count === boxes.length;
      this.#all.indeterminate = count > 0 && count < boxes.length;
    }
  }

  /** Choose the rows between the last box and this one. @param {MouseEvent} event */
  #onClick(event) {
    const boxes = this.#boxes;
    const box = /** @type {HTMLInputElement} */ (event.target);
    if (!boxes.includes(box)) return;
    if (event.shiftKey && this.#last) {
      const [from, to] = [boxes.indexOf(this.#last), boxes.indexOf(box)].sort((a, b) => a - b);
      this.#choose(boxes.slice(from, to + 1), box.checked);
    }
    this.#last = box;
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const box = /** @type {HTMLInputElement | null | undefined} */ (target.closest("tr")?.querySelector("input[name=runs]"));
    if (event.key === "x" && box) this.#choose([box], !box.checked);
    else if (event.key === "X") this.#choose(this.#boxes, !this.#boxes.every((one) => one.checked));
    else if (event.key === "c" && this.#boxes.some((one) => one.checked)) this.querySelector("form")?.requestSubmit();
  }

  /** Ask before runs are deleted; an address of a comparison is short. @param {SubmitEvent} event */
  #onSubmit(event) {
    const button = /** @type {HTMLButtonElement | null} */ (event.submitter);
    const chosen = this.#boxes.filter((box) => box.checked);
    if (button?.value === "delete") {
      const what = chosen.length === 1 ? "this run" : `these ${chosen.length} runs`;
      if (!window.confirm(`Delete ${what}? They can be restored.`)) event.preventDefault();
    } else if (!button || button.formMethod !== "post") {
      event.preventDefault();
      location.assign(`/tracking/compare?runs=${chosen.map((box) => encodeURIComponent(box.value)).join(",")}`);
    }
  }

  /** Keep the columns that the address names, or forget them. */
  #remember() {
    const columns = new URLSearchParams(location.search).getAll("col");
    const kept = columns.map(encodeURIComponent).join("+");
    const path = `;path=${location.pathname};samesite=lax`;
    if (columns.length && kept.length < MOST) document.cookie = `${COOKIE}=${kept}${path};max-age=31536000`;
    for (const link of document.querySelectorAll("[data-forget]")) {
      link.addEventListener("click", () => { document.cookie = `${COOKIE}=${path};max-age=0`; });
    }
  }
}

customElements.define("run-table", RunTable);
