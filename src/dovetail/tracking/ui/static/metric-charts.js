// <metric-charts src runs>: brings the data of the charts in it and holds how they are drawn.
//
// Charts that come into view are asked for together, in one request. While a run may still log, what
// is in view is asked for again every few seconds; the server answers without a body where nothing
// changed. The controls are kept in the address.

/** @typedef {import("./metric-chart.js").Line} Line */
/** @typedef {HTMLElement & {show: Function, restyle: Function, range: [number, number] | null, tag: string}} Chart */

const AT_ONCE = 12;
const MOST_LINES = 200;
const POINTS = 4000;
const EVERY = 4000;

class MetricCharts extends HTMLElement {
  /** @type {Set<Chart>} */ #seen = new Set();
  /** @type {Set<Chart>} */ #waiting = new Set();
  /** @type {Set<Chart>} */ #drawn = new Set();
  /** @type {IntersectionObserver | undefined} */ #views;
  /** @type {number | undefined} */ #timer;
  /** @type {number | undefined} */ #soon;
  #running = true;
  #busy = false;

  connectedCallback() {
    this.#views = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        const chart = /** @type {Chart} */ (entry.target);
        if (!entry.isIntersecting) this.#seen.delete(chart);
        else {
          this.#seen.add(chart);
          if (!this.#drawn.has(chart)) this.#want([chart]);
        }
      }
    }, { rootMargin: "120px" });
    this.#charts.forEach((chart) => this.#views?.observe(chart));
    this.addEventListener("zoom", (event) => this.#want([/** @type {Chart} */ (event.target)]));
    this.querySelector("form.look")?.addEventListener("input", (event) => this.#onControl(event));
    this.querySelector("form.look")?.addEventListener("submit", (event) => event.preventDefault());
    this.#timer = window.setInterval(() => this.#poll(), EVERY);
  }

  disconnectedCallback() {
    this.#views?.disconnect();
    clearInterval(this.#timer);
    clearTimeout(this.#soon);
  }

  /** @returns {Chart[]} */
  get #charts() {
    return /** @type {Chart[]} */ ([...this.querySelectorAll("metric-chart")]);
  }

  /** How to draw, from the controls. */
  get #look() {
    const form = /** @type {HTMLFormElement | null} */ (this.querySelector("form.look"));
    const given = form ? new FormData(form) : new FormData();
    return {
      axis: String(given.get("x") ?? "step"),
      log: given.get("log") === "1",
      smooth: Number(given.get("smooth") ?? 0),
      runs: (this.getAttribute("runs") ?? "").split(","),
    };
  }

  /** Ask for charts soon, together with others. @param {Iterable<Chart>} charts @param {number} delay */
  #want(charts, delay = 30) {
    for (const chart of charts) this.#waiting.add(chart);
    clearTimeout(this.#soon);
    this.#soon = window.setTimeout(() => this.#bring(), delay);
  }

  #poll() {
    if (!this.#running || document.hidden || this.#waiting.size) return;
    this.#want([...this.#seen].filter((chart) => this.#drawn.has(chart)), 0);
  }

  /** Bring the data of what waits: the zoomed charts each alone, the others together. */
  async #bring() {
    if (this.#busy) {
      this.#soon = window.setTimeout(() => this.#bring(), 60);
      return;
    }
    this.#busy = true;
    const charts = [...this.#waiting];
    this.#waiting.clear();
    const many = Math.max(1, Math.min(AT_ONCE, Math.floor(MOST_LINES / this.#look.runs.length)));
    const whole = charts.filter((chart) => !chart.range);
    const groups = charts.filter((chart) => chart.range).map((chart) => [chart]);
    for (let i = 0; i < whole.length; i += many) groups.push(whole.slice(i, i + many));
    for (const group of groups) await this.#fetch(group).catch(() => this.#failed(group));
    this.#busy = false;
  }

  /** @param {Chart[]} group */
  async #fetch(group) {
    const look = this.#look;
    const asked = new URLSearchParams({ runs: this.getAttribute("runs") ?? "", x: look.axis, points: String(Math.max(60, Math.min(320, Math.floor(POINTS / look.runs.length)))) });
    for (const chart of group) asked.append("key", chart.getAttribute("key") ?? "");
    if (group[0].range) {
      asked.set("from", String(group[0].range[0]));
      asked.set("to", String(group[0].range[1]));
    }
    const url = `${this.getAttribute("src")}?${asked}`;
    const known = group.every((chart) => chart.tag === group[0].tag && chart.tag.startsWith(`${url} `));
    /** @type {Record<string, string>} */
    const headers = known ? { "If-None-Match": group[0].tag.slice(url.length + 1) } : {};
    const answer = await fetch(url, { headers, cache: "no-store" });
    if (answer.status === 304) return;
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    const found = /** @type {{lines: Line[], running: boolean, waiting: boolean}} */ (await answer.json());
    this.#running = found.running;
    for (const chart of group) {
      chart.tag = answer.headers.has("etag") ? `${url} ${answer.headers.get("etag")}` : "";
      this.#drawn.add(chart);
      chart.show(found.lines.filter((line) => line.key === chart.getAttribute("key")), { ...this.#look, axis: look.axis });
    }
    this.#name(found.lines);
    if (found.waiting) this.#want(group, 150);
  }

  /** Say which colour is which run, where there are several. @param {Line[]} lines */
  #name(lines) {
    const { runs } = this.#look;
    const list = this.querySelector(".names") ?? document.createElement("ul");
    if (runs.length < 2 || list.children.length === runs.length) return;
    const names = new Map(lines.map((line) => [line.run, line.name]));
    const colourOf = /** @type {any} */ (customElements.get("metric-chart")).colourOf;
    list.className = "names";
    list.replaceChildren(...runs.filter((run) => names.has(run)).map((run) => {
      const item = document.createElement("li");
      item.style.setProperty("--line-colour", colourOf(runs.indexOf(run)));
      const link = document.createElement("a");
      link.href = `/tracking/runs/${encodeURIComponent(run)}`;
      link.textContent = names.get(run) ?? run;
      item.append(link);
      return item;
    }));
    this.querySelector("form.look")?.after(list);
  }

  /** @param {Chart[]} group */
  #failed(group) {
    for (const chart of group) {
      const told = chart.querySelector("output") ?? chart.appendChild(document.createElement("output"));
      told.textContent = "The server does not answer; asking again.";
      if (!this.#drawn.has(chart)) this.#drawn.add(chart);
      this.#running = true;
    }
  }

  /** @param {Event} event */
  #onControl(event) {
    const control = /** @type {HTMLInputElement} */ (event.target);
    const address = new URL(location.href);
    const value = control.type === "checkbox" ? (control.checked ? control.value : "") : control.value;
    const usual = { x: "step", smooth: "0" }[control.name] ?? "";
    if (value && value !== usual) address.searchParams.set(control.name, value);
    else address.searchParams.delete(control.name);
    history.replaceState(null, "", address);
    const shown = this.querySelector("output.smooth");
    if (control.name === "smooth" && shown) shown.textContent = control.value;
    if (control.name !== "x") {
      for (const chart of this.#drawn) chart.restyle(this.#look);
      return;
    }
    for (const chart of this.#charts) chart.range = null;
    this.#drawn.clear();
    this.#want(this.#seen);
  }
}

customElements.define("metric-charts", MetricCharts);
