// <review-keys>: keys of the page where items are decided. Each thing that has a key names it as
// `data-key`; a button that needs a word first names the field as `data-needs`.

class ReviewKeys extends HTMLElement {
  connectedCallback() {
    document.addEventListener("keydown", this);
    this.addEventListener("click", (event) => this.#check(event));
  }

  disconnectedCallback() { document.removeEventListener("keydown", this); }

  /** @param {KeyboardEvent} event */
  handleEvent(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const at = /** @type {HTMLElement} */ (event.target);
    if (event.key === "Escape" && at.matches("textarea, input, select")) at.blur();
    if (at.matches("textarea, input, select")) return;
    const found = /** @type {HTMLElement | null} */ (this.querySelector(`[data-key="${CSS.escape(event.key)}"]`));
    if (!found) return;
    event.preventDefault();
    if (found.matches("textarea")) found.focus();
    else found.click();
  }

  /** Ask for the word that a button needs, rather than send the form without. @param {Event} event */
  #check(event) {
    const button = /** @type {HTMLElement} */ (event.target).closest("[data-needs]");
    const name = button?.getAttribute("data-needs");
    const field = name && /** @type {HTMLTextAreaElement | null} */ (this.querySelector(`[name="${name}"]`));
    if (!field || field.value.trim()) return;
    event.preventDefault();
    field.required = true;
    field.reportValidity();
    field.focus();
    field.addEventListener("input", () => { field.required = false; }, { once: true });
  }
}

customElements.define("review-keys", ReviewKeys);
