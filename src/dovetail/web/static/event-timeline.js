// <event-timeline label start end>: makes the server's list of events lively.
//
// The strip above the list is drawn anew with the margins of <line-chart>, so that both stand on one
// axis. A mark leads to its event in the list, an event shows its mark, and each lane can be hidden.

const MARGIN = { left: 48, right: 16 };
// January is written as its year.
const MONTH = new Intl.DateTimeFormat("en-US", { timeZone: "UTC", month: "short" });

class EventTimeline extends HTMLElement {
  connectedCallback() {
    const strip = this.querySelector(".strip");
    if (!strip) return;
    const items = /** @type {HTMLElement[]} */ ([...this.querySelectorAll("li[data-at]")]);
    const lanes = [...new Set(items.map((item) => item.dataset.lane ?? ""))];
    const rows = lanes.map((lane) => this.#lane(lane, items.filter((item) => item.dataset.lane === lane)));
    strip.replaceChildren(...rows, this.#axis());
    strip.classList.add("lively");
  }

  /** Where a moment stands, as a length along the strip. @param {number} ms @returns {string} */
  #left(ms) {
    const start = Number(this.getAttribute("start"));
    const span = Number(this.getAttribute("end")) - start || 1;
    const { left, right } = MARGIN;
    return `calc(${left}px + (100% - ${left + right}px) * ${((ms - start) / span).toFixed(5)})`;
  }

  /** A lane: a button that hides or shows it, and the marks of its events.
   * @param {string} name @param {HTMLElement[]} items */
  #lane(name, items) {
    const row = document.createElement("div");
    row.className = "lane";
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = `${name} ${items.length}`;
    button.setAttribute("aria-pressed", "true");
    button.addEventListener("click", () => {
      const shown = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(shown));
      row.classList.toggle("off", !shown);
      for (const item of items) item.hidden = !shown;
    });
    const track = document.createElement("div");
    track.className = "track";
    track.setAttribute("aria-hidden", "true");
    track.append(...items.map((item) => this.#mark(item)));
    row.append(button, track);
    return row;
  }

  /** The mark of one event; pointing at either shows both. @param {HTMLElement} item */
  #mark(item) {
    const mark = document.createElement("span");
    mark.className = `badge ${item.className}`;
    mark.style.left = this.#left(Number(item.dataset.at));
    mark.title = item.innerText.replace(/\s+/g, " ");
    mark.addEventListener("click", () => {
      item.scrollIntoView({ block: "center", behavior: "smooth" });
      item.querySelector("a")?.focus({ preventScroll: true });
    });
    const light = (/** @type {boolean} */ on) => () => {
      mark.classList.toggle("lit", on);
      item.classList.toggle("lit", on);
    };
    for (const one of [mark, item]) {
      one.addEventListener("pointerenter", light(true));
      one.addEventListener("pointerleave", light(false));
    }
    item.addEventListener("focusin", light(true));
    item.addEventListener("focusout", light(false));
    return mark;
  }

  /** The axis: the first of each month, fewer where there are many. */
  #axis() {
    const axis = document.createElement("div");
    axis.className = "axis";
    axis.setAttribute("aria-hidden", "true");
    const [start, end] = ["start", "end"].map((name) => Number(this.getAttribute(name)));
    const step = Math.max(1, Math.ceil((end - start) / (30 * 86400000) / 14));
    const at = new Date(start);
    at.setUTCDate(1);
    at.setUTCHours(0, 0, 0, 0);
    for (; at.getTime() <= end; at.setUTCMonth(at.getUTCMonth() + step)) {
      if (at.getTime() < start) continue;
      const label = document.createElement("span");
      label.textContent = at.getUTCMonth() ? MONTH.format(at) : String(at.getUTCFullYear());
      label.style.left = this.#left(at.getTime());
      axis.append(label);
    }
    return axis;
  }
}

customElements.define("event-timeline", EventTimeline);
