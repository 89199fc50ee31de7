// <label-item>: an item with what somebody said of it, to be read only. Its script child holds the
// config, the task's data and the result as JSON.

import { Answers } from "./answers.js";
import { make } from "./elements.js";
import { ItemView, keptNote, markList, saidOf } from "./item-view.js";

class LabelItem extends HTMLElement {
  connectedCallback() {
    if (this.querySelector(".objects")) return;
    const { config, data, result } = JSON.parse(this.querySelector("script")?.textContent ?? "{}");
    this.show(config, data, result ?? []);
  }

  /**
   * Show an item, in place of what was shown.
   * @param {import("./answers.js").Config} config @param {Record<string, any>} data @param {import("./answers.js").Region[]} result
   */
  show(config, data, result) {
    const answers = new Answers(config, result);
    const view = new ItemView(config, data, answers);
    const list = () => markList(answers, view, null);
    const marks = make("div", {}, list());
    view.onpick = (id) => {
      answers.chosen = answers.chosen === id ? "" : id;
      view.draw();
      marks.replaceChildren(list());
    };
    const said = make("dl", { class: "facts" }, ...saidOf(config, answers).map((one) => make("div", {}, make("dt", { text: one.name }), make("dd", { text: one.text }))));
    const note = keptNote(answers, config);
    const parts = this.hasAttribute("answers-only") ? [said, marks] : [view.root, said, marks];
    this.querySelectorAll(":scope > :not(script)").forEach((old) => old.remove());
    this.append(...parts, ...(note ? [make("p", { class: "note kept", text: note })] : []));
  }
}

customElements.define("label-item", LabelItem);
