// <relative-time datetime="2013-05-03T12:00:00Z">: keeps the age beside a server-rendered time true.

/** @type {[number, string][]} */
const UNITS = [[31536000, "y"], [86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

/** How long ago a moment was, in the server's own words. @param {Date} at @returns {string} */
function ageOf(at) {
  const seconds = (Date.now() - at.getTime()) / 1000;
  const span = Math.abs(seconds);
  if (span < 10) return "just now";
  const [size, unit] = UNITS.find(([length]) => span >= length) ?? UNITS[UNITS.length - 1];
  const text = `${Math.round(span / size)} ${unit}`;
  return seconds > 0 ? `${text} ago` : `in ${text}`;
}

class RelativeTime extends HTMLElement {
  static observedAttributes = ["datetime"];
  /** @type {number | undefined} */
  #timer;

  connectedCallback() {
    this.#timer = window.setInterval(() => this.#show(), 10000);
    this.#show();
  }

  disconnectedCallback() {
    clearInterval(this.#timer);
  }

  attributeChangedCallback() {
    this.#show();
  }

  #show() {
    const at = new Date(this.getAttribute("datetime") ?? "");
    if (Number.isNaN(at.getTime())) return;
    const time = this.querySelector("time");
    const age = this.querySelector(".age");
    if (time && time.dateTime !== this.getAttribute("datetime")) {
      time.dateTime = this.getAttribute("datetime") ?? "";
      time.textContent = at.toISOString().slice(0, 16).replace("T", " ");
    }
    if (time) time.title = `${at.toLocaleString()} here`;
    if (age) age.textContent = ageOf(at);
  }
}

customElements.define("relative-time", RelativeTime);
