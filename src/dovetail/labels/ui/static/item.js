// <label-item>: an item with what somebody said of it, to be read only. Its script child holds the
// config, the task's data and the result as JSON. With `answers-only` the item itself is left out, and
// `on` names the element that shows it, on which the marks are then shown. <label-prose>: markup that is
// not trusted, built anew.

import { Answers } from "./answers.js";
import { make } from "./elements.js";
import { ItemView, keptNote, markList, saidOf } from "./item-view.js";
import { withOptions } from "./objects.js";
import { sanitise } from "./sanitise.js";

class LabelItem extends HTMLElement {
  /** What the script child holds. @type {any} */ given = null;

  connectedCallback() {
    if (this.given) return;
    this.given = JSON.parse(this.querySelector("script")?.textContent ?? "{}");
    const { config, data, result } = this.given;
    this.show(config, data, result ?? []);
  }

  /**
   * Show an item, in place of what was shown.
   * @param {import("./answers.js").Config} shown @param {Record<string, any>} data @param {import("./answers.js").Region[]} result
   */
  show(shown, data, result) {
    const config = withOptions(shown, data);
    const answers = new Answers(config, result);
    const view = new ItemView(config, data, answers);
    const list = () => markList(answers, view, null);
    const marks = make("div", {}, list());
    marks.hidden = !marks.textContent;
    view.onpick = (id) => {
      answers.chosen = answers.chosen === id ? "" : id;
      view.draw();
      marks.replaceChildren(list());
    };
    const said = make("dl", { class: "facts" }, ...saidOf(config, answers).map((one) => make("div", {}, make("dt", { text: one.name }), make("dd", { text: one.text }))));
    const note = keptNote(answers, config);
    const marked = config.nodes.some((node) => node.kind === "object" && answers.marksOf(node.name).length > 0);
    said.hidden = !said.textContent;
    const parts = !this.hasAttribute("answers-only") ? [view.root, said, marks]
      : [said, marks, ...(marked && this.hasAttribute("on") ? [this.#shower(result)] : [])];
    this.querySelectorAll(":scope > :not(script)").forEach((old) => old.remove());
    this.append(...parts, ...(note ? [make("p", { class: "note kept", text: note })] : []));
  }

  /** A button that shows these marks on the item. @param {import("./answers.js").Region[]} result */
  #shower(result) {
    return make("button", {
      type: "button", text: "Show on the item",
      onclick: () => {
        const item = /** @type {LabelItem | null} */ (document.getElementById(this.getAttribute("on") ?? ""));
        if (!item) return;
        item.show(item.given.config, item.given.data, result);
        item.scrollIntoView({ block: "nearest" });
      },
    });
  }
}

class LabelProse extends HTMLElement {
  connectedCallback() {
    if (this.querySelector(".prose")) return;
    const markup = JSON.parse(this.querySelector("script")?.textContent ?? '""');
    this.append(make("div", { class: "prose" }, sanitise(markup)));
  }
}

customElements.define("label-item", LabelItem);
customElements.define("label-prose", LabelProse);
