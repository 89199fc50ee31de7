// <metric-chart key="train/loss">: one metric of one or more runs, drawn by uPlot.
//
// <metric-charts> around it brings the data and says how to draw. Dragging or the keys + and - zoom, which
// sends `zoom` with the range, so that finer points are brought; Escape or a double click shows all. Arrow
// keys read the values.

/**
 * @typedef {{run: string, name: string, key: string, x: number[], y: (number|null)[], mean_x: number[],
 *   mean: (number|null)[], points: number, holes: number, done: number}} Line
 * @typedef {{axis: string, log: boolean, smooth: number, runs: string[]}} Look
 */

const LEFT = 56;
const DAY = 86400000;
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

/** A value in few characters. @param {number | null | undefined} value @returns {string} */
function brief(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e6)) return value.toExponential(2);
  return String(Number(value.toPrecision(5)));
}

/** Seconds in the words of a clock. @param {number} seconds @returns {string} */
function lasting(seconds) {
  if (seconds < 120) return `${brief(seconds)} s`;
  if (seconds < 7200) return `${brief(seconds / 60)} min`;
  return seconds < 172800 ? `${brief(seconds / 3600)} h` : `${brief(seconds / 86400)} d`;
}

/** What an x says. @param {number} x @param {string} axis @returns {string} */
function placeOf(x, axis) {
  if (axis === "step") return `step ${Math.round(x).toLocaleString("en-US")}`;
  return axis === "relative" ? lasting(x) : new Date(x).toISOString().slice(0, 19).replace("T", " ");
}

/** An exponential mean without the pull of its start. @param {(number|null)[]} values @param {number} weight */
function smoothed(values, weight) {
  let held = 0;
  let share = 1;
  return values.map((value) => {
    if (value === null) return null;
    held = held * weight + value * (1 - weight);
    share *= weight;
    return held / (1 - share);
  });
}

class MetricChart extends HTMLElement {
  /** @type {any} */ #plot;
  /** @type {Line[]} */ #lines = [];
  /** @type {Look} */ #look = { axis: "step", log: false, smooth: 0, runs: [] };
  /** @type {any[]} */ #data = [];
  /** @type {AbortController | undefined} */ #life;
  /** @type {ResizeObserver | undefined} */ #sizes;
  #at = -1;
  /** The range that is shown, or null for all. @type {[number, number] | null} */ range = null;
  /** Where the newest answer for this chart came from. */ tag = "";

  connectedCallback() {
    this.#life = new AbortController();
    const { signal } = this.#life;
    this.tabIndex = 0;
    this.setAttribute("role", "group");
    this.addEventListener("keydown", (event) => this.#onKey(event), { signal });
    const redraw = () => this.#draw();
    document.addEventListener("dovetail:theme", redraw, { signal });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw, { signal });
    this.#sizes = new ResizeObserver(() => {
      if (this.#plot && this.clientWidth && this.clientWidth !== this.#plot.width) this.#draw();
    });
    this.#sizes.observe(this);
  }

  disconnectedCallback() {
    this.#life?.abort();
    this.#sizes?.disconnect();
    this.#plot?.destroy();
    this.#plot = undefined;
  }

  /** Draw lines. @param {Line[]} lines @param {Look} look */
  async show(lines, look) {
    this.#lines = lines;
    this.#look = look;
    await loadLibrary();
    if (this.isConnected) this.#draw();
  }

  /** Draw the same lines in another way. @param {Look} look */
  restyle(look) {
    this.#look = look;
    if (this.#plot) this.#draw();
  }

  /** The colour of a run's lines. @param {string} run */
  #colour(run) {
    return this.#resolved(MetricChart.colourOf(Math.max(0, this.#look.runs.indexOf(run))));
  }

  /** The colour of the n-th run, as style sheets write it. @param {number} index @returns {string} */
  static colourOf(index) {
    const hue = (index * 137.5 + 340) % 360;
    return index < 4 ? `var(--series-${index + 1})` : `light-dark(oklch(0.52 0.13 ${hue}), oklch(0.75 0.12 ${hue}))`;
  }

  /** A colour as the canvas wants it. @param {string} colour @returns {string} */
  #resolved(colour) {
    const probe = document.createElement("i");
    probe.style.color = colour;
    this.append(probe);
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
  }

  #draw() {
    const uPlot = /** @type {any} */ (window).uPlot;
    if (!uPlot || !this.clientWidth) return;
    this.#plot?.destroy();
    this.#plot = undefined;
    this.#at = -1;
    this.querySelectorAll(":scope > .stage, :scope > output, :scope > noscript").forEach((old) => old.remove());
    const stage = document.createElement("div");
    stage.className = "stage";
    const readout = document.createElement("output");
    readout.setAttribute("aria-live", "polite");
    this.append(stage, readout);
    const whole = this.#lines.filter((line) => line.x.length);
    this.setAttribute("aria-label", `${this.getAttribute("key")}: ${this.#summary(whole)}`);
    readout.textContent = this.#summary(whole);
    if (!whole.length) return;
    this.#data = this.#columns(uPlot, whole);
    this.#plot = new uPlot(this.#options(uPlot, whole), this.#data, stage);
  }

  /** What is drawn, in a sentence. @param {Line[]} lines */
  #summary(lines) {
    if (!lines.length) return "no point in this range";
    const points = lines.reduce((sum, line) => sum + line.points, 0).toLocaleString("en-US");
    const holes = lines.reduce((sum, line) => sum + line.holes, 0);
    const done = Math.min(...lines.map((line) => line.done));
    const last = lines.length === 1 ? `${brief(lines[0].y[lines[0].y.length - 1])} at the end, ` : "";
    return `${last}${points} points${holes ? `, ${holes.toLocaleString("en-US")} not finite` : ""}`
      + (done < 1 ? `, reading: ${Math.round(done * 100)} %` : "");
  }

  /** One x for all lines; then each line and, where it is smoothed, its mean. @param {any} uPlot @param {Line[]} lines */
  #columns(uPlot, lines) {
    const { log, smooth } = this.#look;
    const keep = (/** @type {number|null} */ v) => (log && v !== null && v <= 0 ? null : v);
    const tables = lines.flatMap((line) => {
      const raw = MetricChart.#ordered(line.x, line.y.map(keep));
      if (!smooth) return [raw];
      const [x, mean] = line.mean.length ? [line.mean_x, line.mean] : [line.x, line.y];
      return [raw, MetricChart.#ordered(x, smoothed(mean, smooth).map(keep))];
    });
    return tables.length === 1 ? tables[0] : uPlot.join(tables);
  }

  /** uPlot wants ascending x, each once. @param {number[]} xs @param {(number|null)[]} ys */
  static #ordered(xs, ys) {
    /** @type {number[]} */ const x = [];
    /** @type {(number|null)[]} */ const y = [];
    xs.forEach((at, i) => {
      const next = x.length && at <= x[x.length - 1] ? x[x.length - 1] + Math.max(1e-6, Math.abs(at) * 1e-12) : at;
      x.push(next);
      y.push(ys[i]);
    });
    return [x, y];
  }

  /** @param {any} uPlot @param {Line[]} lines */
  #options(uPlot, lines) {
    const { axis, log, smooth } = this.#look;
    const style = getComputedStyle(this);
    const font = `11px ${style.fontFamily}`;
    const ink = this.#resolved("var(--ink-3)");
    const base = { stroke: ink, font, ticks: { show: false } };
    const series = lines.flatMap((line) => {
      const stroke = this.#colour(line.run);
      const pale = stroke.replace(/^rgb\((.*)\)$/, "rgba($1, 0.35)").replace(/^oklch\((.*)\)$/, "oklch($1 / 0.35)");
      const points = { show: line.x.length <= 40, size: 5, fill: smooth ? pale : stroke };
      const raw = { label: line.name, stroke: smooth ? pale : stroke, width: smooth ? 1 : 1.5, points };
      return smooth ? [raw, { label: line.name, stroke, width: 2, points: { show: false } }] : [raw];
    });
    return {
      width: this.clientWidth, height: Number(this.getAttribute("height") ?? 190), ms: 1,
      padding: [8, 12, 0, 0], legend: { show: false },
      tzDate: (/** @type {number} */ ts) => uPlot.tzDate(new Date(ts), "Etc/UTC"),
      scales: { x: { time: axis === "time", range: this.#span.bind(this) }, y: log ? { distr: 3 } : { range: MetricChart.#air } },
      cursor: { y: false, points: { size: 7 }, drag: { x: true, y: false, setScale: false } },
      series: [{}, ...series],
      axes: [
        { ...base, size: 24, grid: { show: false }, ...(axis === "time" ? {} : { values: (/** @type {any} */ _, /** @type {number[]} */ at) => at.map((x) => (axis === "relative" ? lasting(x) : brief(x))) }) },
        { ...base, size: LEFT, gap: 6, grid: { stroke: this.#resolved("var(--line)"), width: 1 }, values: (/** @type {any} */ _, /** @type {(number|null)[]} */ at) => at.map((v) => (v === null ? "" : brief(v))) },
      ],
      hooks: {
        setCursor: [(/** @type {any} */ plot) => this.#read(plot.cursor.idx)],
        setSelect: [(/** @type {any} */ plot) => {
          const { left, width } = plot.select;
          if (width > 4) this.#zoom(plot.posToVal(left, "x"), plot.posToVal(left + width, "x"));
        }],
        ready: [(/** @type {any} */ plot) => plot.over.addEventListener("dblclick", () => this.#zoom(null, null))],
      },
    };
  }

  /** The ends of the x axis. @param {any} _ @param {number} low @param {number} high @returns {[number, number]} */
  #span(_, low, high) {
    if (this.range) return this.range;
    return low === high ? [low - (this.#look.axis === "time" ? DAY / 24 : 1), high + (this.#look.axis === "time" ? DAY / 24 : 1)] : [low, high];
  }

  /** The ends of the y axis, with air. @param {any} _ @param {number} low @param {number} high @returns {[number, number]} */
  static #air(_, low, high) {
    const air = (high - low) * 0.06 || Math.abs(high) * 0.05 || 0.5;
    return [low - air, high + air];
  }

  /** Ask for a part, or for all. @param {number | null} low @param {number | null} high */
  #zoom(low, high) {
    if (low === null && this.range === null) return;
    this.range = low === null || high === null ? null : [low, high];
    this.dispatchEvent(new CustomEvent("zoom", { bubbles: true, detail: { range: this.range } }));
  }

  /** Say what stands under the cursor. @param {number | null | undefined} index */
  #read(index) {
    const output = this.querySelector("output");
    if (!output || index === null || index === undefined || index === this.#at) return;
    this.#at = index;
    const every = this.#look.smooth ? 2 : 1;
    const shown = this.#lines.filter((line) => line.x.length);
    const words = shown.map((line, i) => ({ line, value: this.#data[1 + i * every]?.[index] }))
      .filter(({ value }) => value !== null && value !== undefined)
      .slice(0, 6).map(({ line, value }) => (this.#look.runs.length > 1 ? `${line.name} ${brief(value)}` : brief(value)));
    output.textContent = [placeOf(this.#data[0][index], this.#look.axis), ...words].join("  ·  ");
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (!this.#plot || event.target !== this || event.ctrlKey || event.metaKey || event.altKey) return;
    const last = this.#data[0].length - 1;
    /** @type {Record<string, number>} */
    const moves = { ArrowLeft: this.#at < 0 ? last : this.#at - 1, ArrowRight: this.#at + 1, Home: 0, End: last };
    const { min, max } = this.#plot.scales.x;
    if (event.key in moves) {
      const index = Math.min(Math.max(moves[event.key], 0), last);
      this.#plot.setCursor({ left: this.#plot.valToPos(this.#data[0][index], "x"), top: 10 });
      this.#read(index);
    } else if (event.key === "+" || event.key === "-") {
      const middle = this.#at < 0 ? (min + max) / 2 : this.#data[0][this.#at];
      const half = ((max - min) / 2) * (event.key === "+" ? 0.5 : 2);
      this.#zoom(middle - half, middle + half);
    } else if (event.key === "Escape") this.#zoom(null, null);
    else return;
    event.preventDefault();
  }
}

customElements.define("metric-chart", MetricChart);
