// Half an answer outlives a reload: it is kept on the device until it is saved.

const LARGEST = 300_000;

/** The unfinished answers of one person in one project. */
export class Drafts {
  #timer = 0;

  /** @param {number} project @param {string} user */
  constructor(project, user) { this.prefix = `dovetail-draft:${project}:${user}:`; }

  /** @param {number} task @returns {import("./answers.js").Region[] | null} */
  read(task) {
    try {
      return JSON.parse(localStorage.getItem(this.prefix + task) ?? "null");
    } catch {
      return null;
    }
  }

  /** Keep a draft, a moment later: a drag changes it many times. @param {number} task @param {import("./answers.js").Region[]} regions */
  write(task, regions) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const text = JSON.stringify(regions);
      try {
        if (text.length < LARGEST) localStorage.setItem(this.prefix + task, text);
      } catch {
        // A full or closed store costs the draft, nothing that was saved.
      }
    }, 150);
  }

  /** @param {number} task */
  drop(task) {
    clearTimeout(this.#timer);
    try {
      localStorage.removeItem(this.prefix + task);
    } catch {
      // As above.
    }
  }
}
