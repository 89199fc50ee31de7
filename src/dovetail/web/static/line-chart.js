// <line-chart label height [src]>: a zoomable chart in place of the drawing that the server made.
//
// The data, a `dovetail.web.charts.Chart` as JSON, stands in a child <script type="application/json">
// or is fetched from `src`. Arrow keys move the cursor, Home and End jump, Escape shows all again.
// Each move sends a `cursor` event with the index and the x that it stands on.

/**
 * @typedef {{label: string, values: (number|null)[], low: (number|null)[], high: (number|null)[], quiet: boolean}} Series
 * @typedef {{x: number, label: string, level: string, href: string}} Mark
 * @typedef {{title: string, x: number[], series: Series[], marks: Mark[], time: boolean, unit: string,
 *   digits: number, y_min: number|null, y_max: number|null,
 *   x_min: number|null, x_max: number|null}} Chart
 */

const LEFT = 48;
const RIGHT = 16;
const TOP = 26;
const HOUR = 3600000;
const DAY = 24 * HOUR;
const SPANS = [HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 30 * DAY, 90 * DAY, 365 * DAY];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/** @type {Promise<any> | undefined} */
let library;

/** Load uPlot once. @returns {Promise<any>} */
function loadLibrary() {
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = JSON.parse(document.getElementById("elements")?.textContent ?? "{}").uplot;
    script.onload = () => resolve(/** @type {any} */ (window).uPlot);
    script.onerror = () => reject(new Error("uPlot did not load"));
    document.head.append(script);
  });
  return library;
}

/** The day of a moment, and its minute where it has one. @param {number} ms @returns {string} */
function dayOf(ms) {
  const text = new Date(ms).toISOString();
  return ms % DAY === 0 ? text.slice(0, 10) : text.slice(0, 16).replace("T", " ");
}

/** What the time axis says at its ticks: the month, the day with its month, or the minute.
 * @param {any} _ @param {number[]} ticks @returns {string[]} */
function writeDates(_, ticks) {
  const step = ticks.length > 1 ? ticks[1] - ticks[0] : DAY;
  return ticks.map((tick) => {
    const at = new Date(tick);
    const month = MONTHS[at.getUTCMonth()];
    if (step < DAY && tick % DAY) return at.toISOString().slice(11, 16);
    if (step < 28 * DAY) return `${at.getUTCDate()} ${month}`;
    return month === "Jan" ? String(at.getUTCFullYear()) : month;
  });
}

/** What the y axis says at its ticks: as many decimals as the step has.
 * @param {any} _ @param {number[]} ticks @param {any} __ @param {any} ___ @param {number} step */
function writeValues(_, ticks, __, ___, step) {
  const digits = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
  return ticks.map((tick) => tick.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }));
}

/** The ends of the x axis: those of the chart where all is shown, else those of the zoom.
 * @param {Chart} chart @param {number} low @param {number} high @returns {[number, number]} */
function wholeAxis(chart, low, high) {
  const all = low === chart.x[0] && high === chart.x[chart.x.length - 1];
  return all ? [chart.x_min ?? low, chart.x_max ?? high] : [low, high];
}

class LineChart extends HTMLElement {
  /** @type {any} */ #plot;
  /** @type {Chart | undefined} */ #chart;
  /** @type {ResizeObserver | undefined} */ #resizes;
  /** @type {AbortController | undefined} */ #life;
  #at = -1;

  connectedCallback() {
    const label = this.getAttribute("label");
    if (label) this.setAttribute("aria-label", label);
    this.#life = new AbortController();
    const { signal } = this.#life;
    this.addEventListener("keydown", (event) => this.#onKey(event), { signal });
    const redraw = () => this.#draw();
    document.addEventListener("dovetail:theme", redraw, { signal });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw, { signal });
    this.#start().catch((error) => this.dispatchEvent(new CustomEvent("failed", { detail: error })));
  }

  disconnectedCallback() {
    this.#life?.abort();
    this.#resizes?.disconnect();
    this.#plot?.destroy();
    this.#plot = undefined;
  }

  async #start() {
    const source = this.getAttribute("src");
    const inline = this.querySelector('script[type="application/json"]')?.textContent;
    this.#chart = source ? await (await fetch(source)).json() : JSON.parse(inline ?? "null");
    await loadLibrary();
    if (!this.isConnected || !this.#chart?.x.length) return;
    this.#draw();
    this.#resizes = new ResizeObserver(() => {
      if (this.#plot && this.clientWidth !== this.#plot.width) this.#resize();
    });
    this.#resizes.observe(this);
  }

  /** The value of a colour token as the canvas wants it. @param {string} token */
  #colour(token) {
    const probe = document.createElement("i");
    probe.style.color = `var(--${token})`;
    this.append(probe);
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
  }

  #draw() {
    const chart = this.#chart;
    const uPlot = /** @type {any} */ (window).uPlot;
    if (!chart || !uPlot) return;
    this.#plot?.destroy();
    this.querySelectorAll(":scope > :not(script)").forEach((old) => old.remove());
    const stage = document.createElement("div");
    stage.className = "stage";
    const readout = document.createElement("output");
    readout.setAttribute("aria-live", "polite");
    readout.textContent = "Arrow keys read the values; drag to zoom, Escape shows all.";
    this.append(stage, readout);
    this.#plot = new uPlot(this.#options(chart, uPlot), this.#columns(chart), stage);
  }

  /** x, the lines, then the bounds of each interval. @param {Chart} chart */
  #columns(chart) {
    const bands = chart.series.filter((line) => line.low.length && line.high.length);
    return [chart.x, ...chart.series.map((line) => line.values),
      ...bands.flatMap((line) => [line.high, line.low])];
  }

  /** @param {Chart} chart @param {any} uPlot */
  #options(chart, uPlot) {
    const font = `11px ${getComputedStyle(this).fontFamily}`;
    const axis = { stroke: this.#colour("ink-3"), font, grid: { show: false }, ticks: { show: false } };
    const lines = chart.series.map((line, index) => {
      const stroke = this.#colour(line.quiet ? "series-quiet" : `series-${(index % 4) + 1}`);
      return {
        label: line.label, stroke, width: line.quiet ? 1.5 : 2, dash: line.quiet ? [4, 3] : undefined,
        points: { show: chart.x.length <= 40, size: line.quiet ? 4 : 5.5, fill: stroke }, spanGaps: false,
      };
    });
    const shaded = chart.series.map((line, index) => ({ line, index }))
      .filter(({ line }) => line.low.length && line.high.length);
    const first = chart.series.length + 1;
    return {
      width: this.clientWidth, height: Number(this.getAttribute("height") ?? 260), ms: 1,
      padding: [TOP, RIGHT, 0, 0], legend: { show: false },
      tzDate: (/** @type {number} */ ts) => uPlot.tzDate(new Date(ts), "Etc/UTC"),
      scales: {
        x: { time: chart.time, range: (/** @type {any} */ _, /** @type {number} */ low, /** @type {number} */ high) => wholeAxis(chart, low, high) },
        y: { range: this.#range(chart) },
      },
      cursor: { y: false, points: { size: 8 } },
      series: [{}, ...lines,
        ...shaded.flatMap(() => [{ width: 0, points: { show: false } }, { width: 0, points: { show: false } }])],
      bands: shaded.map(({ index }, i) => ({
        series: [first + 2 * i, first + 2 * i + 1],
        fill: lines[index].stroke.replace(/^rgb\((.*)\)$/, "rgba($1, 0.13)"),
      })),
      axes: [
        { ...axis, size: 26, ...(chart.time ? { values: writeDates, incrs: SPANS, space: 60 } : {}) },
        { ...axis, size: LEFT, gap: 8, grid: { stroke: this.#colour("line"), width: 1 }, values: writeValues },
      ],
      hooks: {
        setCursor: [(/** @type {any} */ plot) => this.#read(plot.cursor.idx)],
        draw: [(/** @type {any} */ plot) => this.#placeMarks(chart, plot)],
      },
    };
  }

  /** The same ends of the y axis as in the server's drawing. @param {Chart} chart */
  #range(chart) {
    return (/** @type {any} */ _, /** @type {number} */ low, /** @type {number} */ high) => {
      const air = (high - low) * 0.08 || Math.abs(high) * 0.05 || 0.5;
      return [chart.y_min ?? low - air, chart.y_max ?? high + air];
    };
  }

  #resize() {
    this.#plot.setSize({ width: this.clientWidth, height: Number(this.getAttribute("height") ?? 260) });
  }

  /** Put the events over the plot; a label is shown where the next one leaves room. 
   * @param {Chart} chart @param {any} plot */
  #placeMarks(chart, plot) {
    const over = /** @type {HTMLElement} */ (plot.over);
    over.parentElement?.querySelectorAll(".chart-mark").forEach((old) => old.remove());
    const width = over.clientWidth;
    const shown = chart.marks.map((mark) => ({ mark, at: plot.valToPos(mark.x, "x") }))
      .filter(({ at }) => at >= 0 && at <= width).sort((a, b) => a.at - b.at);
    shown.forEach(({ mark, at }, i) => {
      const drawn = document.createElement(/^(https?:|[/#?])/.test(mark.href) ? "a" : "span");
      drawn.className = `chart-mark level-${mark.level}`;
      if (drawn instanceof HTMLAnchorElement) drawn.href = mark.href;
      drawn.title = mark.label;
      drawn.style.left = `${LEFT + at}px`;
      drawn.style.top = `${TOP - 18}px`;
      drawn.style.height = `${over.clientHeight + 18}px`;
      const word = document.createElement("span");
      word.textContent = mark.label;
      drawn.append(word);
      over.parentElement?.append(drawn);
      const room = (i + 1 < shown.length ? shown[i + 1].at - 8 : width + RIGHT) - at;
      word.classList.toggle("hidden", word.offsetWidth + 10 > room);
    });
  }

  /** Say what stands under the cursor. @param {number | null | undefined} index */
  #read(index) {
    const chart = this.#chart;
    if (index === null || index === undefined || !chart || index === this.#at) return;
    this.#at = index;
    const output = this.querySelector("output");
    const x = chart.time ? dayOf(chart.x[index]) : String(chart.x[index]);
    const values = chart.series.map((line) => {
      const value = line.values[index];
      return `${line.label} ${value === null || value === undefined ? "–" : value.toFixed(chart.digits)}`;
    });
    if (output) output.textContent = [x, ...values].join("  ·  ");
    this.dispatchEvent(new CustomEvent("cursor", { bubbles: true, detail: { index, x: chart.x[index] } }));
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const last = (this.#chart?.x.length ?? 0) - 1;
    if (!this.#plot || last < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    /** @type {Record<string, number>} */
    const moves = { ArrowLeft: this.#at < 0 ? last : this.#at - 1, ArrowRight: this.#at + 1, Home: 0, End: last };
    if (event.key in moves) {
      event.preventDefault();
      this.#point(Math.min(Math.max(moves[event.key], 0), last));
    } else if (event.key === "Escape") {
      this.#plot.setData(this.#columns(/** @type {Chart} */ (this.#chart)), true);
    }
  }

  /** Put the cursor on one x. @param {number} index */
  #point(index) {
    const { x, series } = /** @type {Chart} */ (this.#chart);
    const value = series.map((line) => line.values[index]).find((v) => typeof v === "number") ?? 0;
    this.#plot.setCursor({ left: this.#plot.valToPos(x[index], "x"), top: this.#plot.valToPos(value, "y") });
    this.#read(index);
  }
}

customElements.define("line-chart", LineChart);
