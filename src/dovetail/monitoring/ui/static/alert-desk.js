// <alert-desk>: its alerts by keyboard. Keys only open a form and go there; nothing is sent by a key alone.

/** Whether a key belongs to what the reader types into, or to a dialog. @param {KeyboardEvent} event */
function isTyping(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  return !!target.closest?.("input, textarea, select, [contenteditable], dialog")
    || !!document.querySelector("dialog[open]");
}

/** Holds articles; each may have details[data-key] with a form. */
class AlertDesk extends HTMLElement {
  /** Whether the key before was g, which begins "go to". */
  #going = 0;

  connectedCallback() {
    document.addEventListener("keydown", this);
  }

  disconnectedCallback() {
    document.removeEventListener("keydown", this);
  }

  /** @returns {HTMLElement[]} */
  get #alerts() {
    return [...this.querySelectorAll("article")];
  }

  /** The alert that has the focus, or the first. @returns {HTMLElement | undefined} */
  get #current() {
    return this.#alerts.find((one) => one.contains(document.activeElement)) ?? this.#alerts[0];
  }

  /** @param {KeyboardEvent} event */
  handleEvent(event) {
    if (event.key === "Escape") return this.#close(event);
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
    const going = Date.now() < this.#going;
    this.#going = event.key === "g" ? Date.now() + 1500 : 0;
    if (going) return;
    if (event.key === "n" || event.key === "p") this.#move(event.key === "n" ? 1 : -1);
    else if (!this.#open(event.key)) return;
    event.preventDefault();
  }

  /** Go to the next or the previous alert. @param {1 | -1} step */
  #move(step) {
    const alerts = this.#alerts;
    const at = alerts.findIndex((one) => one.contains(document.activeElement));
    const next = at < 0 ? (step > 0 ? 0 : alerts.length - 1) : at + step;
    alerts[Math.min(Math.max(next, 0), alerts.length - 1)]?.focus();
  }

  /** Open the form of a key and go to its first field. @param {string} key */
  #open(key) {
    const details = /** @type {HTMLDetailsElement | null} */ (
      this.#current?.querySelector(`details[data-key="${CSS.escape(key)}"]`) ?? null
    );
    if (!details) return false;
    details.open = true;
    /** @type {HTMLElement | null} */ (details.querySelector("input:not([type=hidden])"))?.focus();
    return true;
  }

  /** Close the form that has the focus and go back to what opened it. @param {KeyboardEvent} event */
  #close(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    const details = /** @type {HTMLDetailsElement | null} */ (target.closest?.("details[data-key]") ?? null);
    if (!details || !this.contains(details)) return;
    details.open = false;
    details.querySelector("summary")?.focus();
  }
}

customElements.define("alert-desk", AlertDesk);
