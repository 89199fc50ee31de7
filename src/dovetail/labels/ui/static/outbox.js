// Answers on their way to the server. Each is written to the browser's own database first and sent in
// the background, so that a closed laptop, a reload or a lost server costs nothing. An answer carries an
// id made here, by which the server takes it once however often it is sent.

/**
 * What one person said of one task, and how much of it the server knows.
 * @typedef {object} Saved
 * @property {string} uid Made here; the annotation's `unique_id`.
 * @property {number} project
 * @property {string} user Whose answer it is: nobody else's window sends it.
 * @property {number} task
 * @property {Record<string, any>[]} result
 * @property {boolean} cancelled Whether it was skipped.
 * @property {number} lead Seconds spent.
 * @property {number | null} prediction The prediction that it began with.
 * @property {number | null} id The annotation's id, once known.
 * @property {number} version Counts the changes made here.
 * @property {number} sent The version that the server has.
 * @property {number} tried The version that was sent first, though no answer came; 0 for none.
 * @property {boolean} deleted Whether it shall be withdrawn.
 * @property {string} refused Why the server will not have it; empty where it may.
 * @property {number} at When it was made, in milliseconds.
 */

const KEEP = 200;
const PATIENCE = [500, 1000, 2000, 4000, 8000, 15000];

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** The browser's database, or null where there is none. @returns {Promise<IDBDatabase | null>} */
async function openDatabase() {
  try {
    const request = indexedDB.open("dovetail-labels", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("answers", { keyPath: "uid" });
    return await done(request);
  } catch {
    return null;
  }
}

/**
 * Keeps and sends the answers of one person: those of the project on the desk, and what is left of
 * others. It tells `state` when that changes.
 */
export class Outbox extends EventTarget {
  /** @type {IDBDatabase | null} */ #database = null;
  /** @type {Map<string, Saved>} */ #all = new Map();
  #sending = false;
  #failures = 0;
  #timer = 0;
  /** Why nothing can be sent at present; "" while all is well. */ problem = "";
  /** Whether answers outlive this window. */ lasting = true;

  /** @param {number} project @param {string} user */
  constructor(project, user) {
    super();
    this.project = project;
    this.user = user;
    addEventListener("online", () => this.send());
    document.addEventListener("visibilitychange", () => this.send());
  }

  /** Read what was kept, and send what was not. */
  async open() {
    this.#database = await openDatabase();
    this.lasting = this.#database !== null;
    const kept = this.#database ? await done(this.#database.transaction("answers").objectStore("answers").getAll()) : [];
    for (const one of /** @type {Saved[]} */ (kept)) {
      const isOurs = one.user === this.user && (one.project === this.project || one.sent < one.version);
      if (isOurs && !this.#all.has(one.uid)) this.#all.set(one.uid, one);
    }
    this.send();
  }

  /** What was answered in this project, oldest first; what was withdrawn is not among it. @returns {Saved[]} */
  get history() {
    return [...this.#all.values()].filter((one) => !one.deleted && one.project === this.project).sort((a, b) => a.at - b.at);
  }

  /** What the server does not have yet. @returns {Saved[]} */
  get waiting() {
    return [...this.#all.values()].filter((one) => one.sent < one.version && !one.refused).sort((a, b) => a.at - b.at);
  }

  /** What the server will not have. @returns {Saved[]} */
  get refused() { return [...this.#all.values()].filter((one) => one.refused); }

  /** Keep an answer, new or changed, and send it when possible. @param {Saved} saved */
  put(saved) {
    saved.version += 1;
    saved.refused = "";
    this.#all.set(saved.uid, saved);
    this.#write(saved);
    this.#tell();
    this.send();
  }

  /** @param {Saved} saved */
  #write(saved) {
    try {
      this.#database?.transaction("answers", "readwrite").objectStore("answers").put(saved);
    } catch {
      this.lasting = false;
    }
  }

  /** @param {string} uid */
  #drop(uid) {
    this.#all.delete(uid);
    this.#database?.transaction("answers", "readwrite").objectStore("answers").delete(uid);
  }

  #tell() { this.dispatchEvent(new Event("state")); }

  /** Send what is waiting, one after the other. */
  async send() {
    if (this.#sending) return;
    this.#sending = true;
    clearTimeout(this.#timer);
    try {
      for (let next = this.waiting[0]; next; next = this.waiting[0]) await this.#sendOne(next);
      this.#failures = 0;
      this.problem = "";
      this.#prune();
    } catch (error) {
      this.problem = error instanceof Error ? error.message : String(error);
      const pause = PATIENCE[Math.min(this.#failures, PATIENCE.length - 1)];
      this.#failures += 1;
      this.#timer = setTimeout(() => this.send(), pause);
    }
    this.#sending = false;
    this.#tell();
  }

  /** @param {Saved} saved */
  async #sendOne(saved) {
    if (saved.deleted && saved.id === null && !saved.tried) return this.#drop(saved.uid);
    const { version } = saved;
    if (saved.id === null) {
      if (!saved.tried) {
        saved.tried = version;
        this.#write(saved);
      }
      const body = { ...content(saved), unique_id: saved.uid, parent_prediction: saved.prediction };
      const answer = await this.#call(saved, "POST", `/api/tasks/${saved.task}/annotations/?project=${saved.project}`, body);
      if (answer) {
        saved.id = answer.id;
        saved.sent = saved.tried;
      } else if (saved.deleted) {
        return this.#drop(saved.uid);
      }
    } else if (saved.deleted) {
      await this.#call(saved, "DELETE", `/api/annotations/${saved.id}/`);
      return this.#drop(saved.uid);
    } else {
      const answer = await this.#call(saved, "PATCH", `/api/annotations/${saved.id}/`, content(saved));
      if (answer) saved.sent = version;
    }
    this.#write(saved);
    this.#tell();
    return undefined;
  }

  /**
   * Ask the server. A refusal is noted with the answer; what may pass later is thrown.
   * @param {Saved} saved @param {string} method @param {string} path @param {any} [body]
   * @returns {Promise<any>} What it said; null when it refused.
   */
  async #call(saved, method, path, body) {
    const text = body === undefined ? undefined : JSON.stringify(body);
    /** @type {Response} */ let answer;
    try {
      answer = await fetch(path, {
        method, body: text, headers: { "Content-Type": "application/json", Accept: "application/json" },
        keepalive: (text?.length ?? 0) < 50_000, redirect: "error", signal: AbortSignal.timeout(30_000),
      });
    } catch {
      throw new Error("The server does not answer.");
    }
    if (answer.ok) return answer.status === 204 ? {} : answer.json();
    if (answer.status === 404 && method === "DELETE") return {};
    if (answer.status === 401 || answer.status === 403) throw new Error("You are signed out, or may not label here.");
    if (answer.status >= 500 || answer.status === 429 || answer.status === 408) throw new Error(`The server answered ${answer.status}.`);
    const said = await answer.json().catch(() => ({}));
    saved.refused = said.detail ?? said.title ?? `The server answered ${answer.status}.`;
    return null;
  }

  /** Forget the oldest of what the server has. */
  #prune() {
    const old = this.history.filter((one) => one.sent === one.version && !one.refused);
    old.slice(0, Math.max(old.length - KEEP, 0)).forEach((one) => this.#drop(one.uid));
  }
}

/** What the server is told of an answer. @param {Saved} saved */
function content(saved) {
  return { result: saved.result, lead_time: Math.round(saved.lead * 1000) / 1000, was_cancelled: saved.cancelled };
}
