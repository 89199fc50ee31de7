// <label-desk>: where people label. It takes items from the queue, shows them, and hands answers to the
// outbox; the next item stands there before the server has heard of the last one.

import { controlsOf, isMark, isPerMark } from "./answers.js";
import { Bar, Timer } from "./bar.js";
import { DeskKeys } from "./desk-keys.js";
import { Drafts } from "./drafts.js";
import { make, newUuid } from "./elements.js";
import { guide } from "./guide.js";
import { Outbox } from "./outbox.js";
import { Queue } from "./queue.js";
import { Sitting } from "./sitting.js";

/** @typedef {import("./outbox.js").Saved} Saved */
/** @typedef {{project: number, title: string, user: string, config: import("./answers.js").Config, queue: string, blind: boolean, instruction: string, examples: import("./guide.js").Example[], standing: string, total: number, done: number, home: string}} Facts */

/** How many items are held for going back without the server. */
const SEEN = 30;

class LabelDesk extends HTMLElement {
  /** @type {Sitting | null} */ #sitting = null;
  /** The answer that is open again; null for a fresh item. @type {Saved | null} */ #open = null;
  /** What was open before the answer that is open again. @type {import("./queue.js").Item | null} */ #waiting = null;
  #timer = new Timer();
  #pressed = 0;
  #isBusy = false;
  /** What stands beside every item. @type {Node[] | null} */ told = null;
  #unsent = 0;
  #patience = 0;

  connectedCallback() {
    if (this.bar) return;
    const facts = /** @type {Facts} */ (JSON.parse(this.querySelector("script")?.textContent ?? "{}"));
    this.facts = facts;
    this.done = facts.done;
    this.outbox = new Outbox(facts.project, facts.user);
    this.queue = new Queue(facts.queue, facts.config, () => this.outbox?.waiting.map((one) => one.task) ?? []);
    this.bar = new Bar({
      undo: () => this.#undo(), skip: () => this.#save(true), save: () => this.#save(false),
      withdraw: () => this.#withdraw(),
    });
    this.place = make("div", { class: "work" });
    this.say = make("output", { class: "say", "aria-live": "polite" });
    this.append(this.bar.root, this.say, this.place);
    this.channel = new BroadcastChannel(`dovetail-labels:${facts.project}:${facts.user}`);
    this.channel.addEventListener("message", (event) => this.#hear(event.data));
    this.outbox.addEventListener("state", () => this.#onState());
    this.queue.addEventListener("filled", () => { if (!this.#sitting) this.#next(); });
    this.drafts = new Drafts(facts.project, facts.user);
    this.hands = new DeskKeys({
      isBusy: () => this.#isBusy, sitting: () => this.#sitting, save: () => this.#save(false), skip: () => this.#save(true),
      undo: () => this.#undo(), walk: (step) => this.#walk(step),
    });
    // On the window: what listens on the document acts on the key, and shows the next item, at once.
    addEventListener("keydown", (event) => { this.#pressed = event.timeStamp; }, { capture: true });
    setInterval(() => { if (this.#sitting) this.bar?.tick(this.#timer.seconds); }, 1000);
    this.#begin();
  }

  /** What another window of this person says: which item it shows, or that it wants to know ours. @param {number | "?"} said */
  #hear(said) {
    if (said !== "?") this.queue?.leave(said);
    else if (this.#sitting) this.channel?.postMessage(this.#sitting.item.id);
  }

  async #begin() {
    this.channel?.postMessage("?");
    await this.outbox?.open();
    await this.queue?.fill();
  }

  /** Show what is saved; when the last answer has arrived, what comes next may depend on it. */
  #onState() {
    const outbox = /** @type {Outbox} */ (this.outbox);
    const before = this.#unsent;
    this.#unsent = outbox.waiting.length;
    this.bar?.state(outbox);
    if (before && !this.#unsent && !this.#sitting) this.queue?.fill([]);
  }

  /** Whether one choice is the whole answer, so that it is saved at once. */
  get #isSingle() {
    const controls = controlsOf(/** @type {Facts} */ (this.facts).config).filter((control) => !isPerMark(control));
    const [only] = controls;
    return controls.length === 1 && !isMark(only)
      && (only.tag === "Pairwise" || only.tag === "Rating" || (only.tag === "Choices" && !only.attrs.choice?.startsWith("multiple")));
  }

  /** Show the next item, or say why there is none. */
  #next() {
    this.#open = null;
    const queue = /** @type {Queue} */ (this.queue);
    const item = this.#waiting ?? queue.take();
    this.#waiting = null;
    if (item) return this.#show(item, null);
    if (this.#sitting) queue.empty = false;
    this.#sitting = null;
    this.bar?.verb("Save", false);
    const text = queue.problem || (queue.empty ? "Nothing is left to label here." : "Loading…");
    this.place?.replaceChildren(make("div", { class: "empty", role: "status" }, make("p", { text }),
      ...(queue.empty ? [make("p", {}, make("a", { href: this.facts?.home, text: this.facts?.home === "/labels" ? "To my projects" : "To the project" }))] : [])));
    if (!queue.empty) queue.fill([]);
    else this.#lookAgain();
    return undefined;
  }

  /** Items that were left to other windows may be free again: ask those that are still there. */
  #lookAgain() {
    if (performance.now() < this.#patience || !this.queue?.forgetOthers()) return;
    this.#patience = performance.now() + 5000;
    this.channel?.postMessage("?");
    setTimeout(() => { if (!this.#sitting) this.queue?.fill([]); }, 100);
  }

  /** @param {import("./queue.js").Item} item @param {Saved | null} saved */
  #show(item, saved) {
    const facts = /** @type {Facts} */ (this.facts);
    const draft = saved ? null : this.drafts?.read(item.id) ?? null;
    this.#open = saved;
    this.channel?.postMessage(item.id);
    this.#seen.delete(item.id);
    this.#seen.set(item.id, item);
    if (this.#seen.size > SEEN) this.#seen.delete(this.#seen.keys().next().value ?? 0);
    const sitting = new Sitting(facts.config, item, saved?.result ?? draft);
    this.#sitting = sitting;
    sitting.onchosen = () => { if (this.#isSingle) this.#save(false); };
    sitting.onchange = () => { this.#verb(); this.drafts?.write(item.id, sitting.answers.regions); };
    const side = make("aside", { class: "side", "aria-label": "Your answer" });
    const note = this.#origin(item, saved, draft !== null);
    if (item.remark && !saved) side.append(make("p", { class: "origin remark", text: item.remark }));
    if (note) side.append(note);
    side.append(sitting.controls.root, sitting.side);
    side.append(...this.#guide());
    this.place?.replaceChildren(make("div", { class: "item", "data-task": item.id }, sitting.view.root), side);
    if (this.bar) this.bar.withdraw.hidden = !saved;
    this.#verb();
    this.#timer.start(saved?.lead);
    this.bar?.progress(this.done ?? 0, facts.total);
    this.queue?.fill([item.id]);
    sitting.controls.field?.focus();
    if (!sitting.controls.field && sitting.view.controlFor(sitting.view.views[0]?.name ?? "", ["Labels", "HyperTextLabels"])) sitting.view.views[0].root.focus({ preventScroll: true });
    if (this.say) this.say.textContent = "";
    this.#measure();
  }

  /** Note how long it took from the key to the next item on screen. */
  #measure() {
    const from = this.#pressed;
    this.#pressed = 0;
    if (from) requestAnimationFrame(() => setTimeout(() => performance.measure("desk:next", { start: from, end: performance.now() })));
  }

  /** Where what is filled in comes from. @param {import("./queue.js").Item} item @param {Saved | null} saved @param {boolean} draft */
  #origin(item, saved, draft) {
    if (saved) return make("p", { class: "origin", text: saved.cancelled ? "You skipped this. Save an answer, or go on with →." : "Your saved answer, open again. Saving replaces it; → leaves it." });
    if (draft) return make("p", { class: "origin", text: "Your unfinished answer from before." });
    const { prediction } = item;
    if (!prediction) return null;
    const sure = prediction.score === null ? "" : `, ${Math.round(prediction.score * 100)} % sure`;
    return make("p", { class: "origin pre" }, make("b", { text: "Pre-labelled" }), ` by ${prediction.model_version || "a model"}${sure}. `, make("span", { class: "by-key", text: "Enter accepts, Delete clears." }));
  }

  /** What annotators are told: made once, it stands beside every item. */
  #guide() {
    const { instruction, examples, standing, config } = /** @type {Facts} */ (this.facts);
    this.told ??= guide(instruction, examples, standing, config);
    return this.told;
  }

  #verb() {
    const sitting = this.#sitting;
    if (!sitting) return;
    const verb = this.#open ? "Save again" : sitting.item.prediction && !sitting.answers.isTouched ? "Accept" : "Save";
    this.bar?.verb(verb, true);
  }

  /** Keep the answer and go on. @param {boolean} cancelled Whether the item is skipped. */
  #save(cancelled) {
    const sitting = this.#sitting;
    const facts = /** @type {Facts} */ (this.facts);
    if (!sitting) return;
    const missing = cancelled ? "" : sitting.answers.missing();
    if (missing) return this.#tell(missing);
    if (!cancelled && !sitting.answers.regions.length && !controlsOf(facts.config).some(isMark)) return this.#tell("Choose an answer first, or skip with x.");
    const fresh = {
      uid: newUuid(), project: facts.project, user: facts.user, task: sitting.item.id, prediction: sitting.item.prediction?.id ?? null,
      id: null, version: 0, sent: 0, tried: 0, deleted: false, refused: "", at: Date.now(),
    };
    const saved = /** @type {Saved} */ (Object.assign(this.#open ?? fresh, {
      result: cancelled ? [] : sitting.answers.regions, cancelled, lead: this.#timer.seconds,
    }));
    if (!this.#open) this.done = (this.done ?? 0) + 1;
    this.drafts?.drop(sitting.item.id);
    this.outbox?.put(saved);
    this.#next();
  }

  /** @param {string} text */
  #tell(text) { if (this.say) this.say.textContent = text; }

  /** Take the last change of the item back; where there is none, open the answer saved before. */
  async #undo() {
    if (this.#sitting?.answers.undo()) return;
    const history = this.outbox?.history ?? [];
    const at = this.#open ? history.indexOf(this.#open) : history.length;
    const saved = history[at - 1];
    if (!saved) return this.#tell("There is nothing to take back.");
    return this.#reopen(saved);
  }

  /** Show a saved answer; keys pressed meanwhile are meant for it. @param {Saved} saved */
  async #reopen(saved) {
    this.#isBusy = true;
    const item = await this.#load(saved.task);
    this.#isBusy = false;
    if (!item) {
      this.#tell("The server does not hand out that item now.");
    } else {
      if (!this.#open && this.#sitting) this.#waiting = this.#sitting.item;
      this.#show({ ...item, prediction: null }, saved);
    }
    this.hands?.replay();
  }

  /** @type {Map<number, import("./queue.js").Item>} */ #seen = new Map();

  /** An item that was shown before, from memory or the server. @param {number} task */
  async #load(task) {
    const held = this.#seen.get(task);
    if (held) return held;
    const answer = await fetch(`/api/tasks/${task}/`, { headers: { Accept: "application/json" } }).catch(() => null);
    if (!answer?.ok) return null;
    const { id, data } = await answer.json();
    return { id, data, prediction: null };
  }

  /** Withdraw the answer that is open: the item is open again. */
  #withdraw() {
    const saved = this.#open;
    const item = this.#sitting?.item;
    if (!saved || !item) return;
    saved.deleted = true;
    this.done = Math.max((this.done ?? 1) - 1, 0);
    this.outbox?.put(saved);
    if (this.#waiting) this.queue?.back(this.#waiting);
    this.#waiting = null;
    this.#show({ ...item, prediction: null }, null);
    this.#tell("Withdrawn. The item is open again.");
  }

  /** Leave what is open again as it was saved, and go on. @param {1 | -1} step */
  #walk(step) {
    if (step < 0) return this.#undo();
    if (!this.#open) return undefined;
    const history = this.outbox?.history ?? [];
    const next = history[history.indexOf(this.#open) + 1];
    if (!next) return this.#next();
    return this.#reopen(next);
  }
}

customElements.define("label-desk", LabelDesk);
