// The bar above the item: how far it is, how long this one takes, whether everything is saved.

import { keycap, make } from "./elements.js";

/** @typedef {{undo: () => void, skip: () => void, save: () => void, withdraw: () => void}} Acts */

/** Seconds on one item: they count while the window is seen. */
export class Timer {
  #before = 0;
  #since = 0;

  constructor() {
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#pause() : this.#go()));
  }

  /** Begin a new item. @param {number} [seconds] What was spent on it before. */
  start(seconds = 0) {
    this.#before = seconds;
    this.#since = 0;
    if (!document.hidden) this.#go();
  }

  #go() { this.#since ||= performance.now(); }

  #pause() {
    this.#before = this.seconds;
    this.#since = 0;
  }

  get seconds() { return this.#before + (this.#since ? (performance.now() - this.#since) / 1000 : 0); }
}

/** The bar itself. */
export class Bar {
  /** @param {Acts} acts */
  constructor(acts) {
    this.meter = make("progress", { class: "meter", max: 1, value: 0, "aria-label": "Labelled" });
    this.count = make("span", { class: "count" });
    this.clock = make("span", { class: "clock note", role: "timer", "aria-label": "Time on this item" });
    this.saved = make("span", { class: "saved note", role: "status" });
    this.undo = make("button", { type: "button", onclick: acts.undo, title: "Take back, then re-open what was saved" }, "Undo ", keycap("u"));
    this.skip = make("button", { type: "button", onclick: acts.skip }, "Skip ", keycap("x"));
    this.withdraw = make("button", { type: "button", class: "danger", hidden: true, onclick: acts.withdraw }, "Withdraw");
    this.save = make("button", { type: "button", class: "main", onclick: acts.save });
    this.root = make("div", { class: "bar" },
      make("div", { class: "far" }, this.meter, this.count, this.clock, this.saved),
      make("div", { class: "acts" }, this.undo, this.skip, this.withdraw, this.save));
  }

  /** @param {number} done @param {number} total */
  progress(done, total) {
    this.meter.max = Math.max(total, 1);
    this.meter.value = Math.min(done, total);
    this.count.textContent = `${done.toLocaleString("en")} of ${total.toLocaleString("en")}`;
  }

  /** @param {import("./outbox.js").Outbox} outbox */
  state(outbox) {
    const waiting = outbox.waiting.length;
    const refused = outbox.refused.length;
    const words = waiting ? `${waiting} to send` : "All saved";
    const kept = outbox.lasting ? "kept on this device" : "close this window only when they are sent";
    let text = words;
    if (outbox.problem) text = `${outbox.problem} ${waiting} ${waiting === 1 ? "answer" : "answers"} ${kept}.`;
    if (refused) text += ` ${refused} refused: ${outbox.refused[0].refused}`;
    this.saved.textContent = text;
    this.saved.classList.toggle("wrong", !!outbox.problem || refused > 0);
    this.saved.dataset.waiting = String(waiting);
  }

  /** @param {string} text @param {boolean} enabled */
  verb(text, enabled) {
    this.save.replaceChildren(`${text} `, keycap("Enter"));
    this.save.disabled = !enabled;
  }

  /** @param {number} seconds */
  tick(seconds) {
    const whole = Math.floor(seconds);
    this.clock.textContent = `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
  }
}
