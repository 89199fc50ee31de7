// What annotators are told, beside the item: instructions, examples with the right answer and why, and
// where they stand with their qualification.

import { Answers } from "./answers.js";
import { make } from "./elements.js";
import { ItemView } from "./item-view.js";
import { sanitise } from "./sanitise.js";

/** @typedef {{data: Record<string, any>, answer: string, why: string}} Example */

/**
 * The parts of the guide.
 * @param {string} instruction Markup that is not trusted. @param {Example[]} examples
 * @param {string} standing @param {import("./answers.js").Config} config
 */
export function guide(instruction, examples, standing, config) {
  const parts = [];
  const open = matchMedia("(min-width: 761px)").matches;
  if (standing) parts.push(make("p", { class: "note standing", text: standing }));
  if (instruction) {
    parts.push(make("details", { class: "instruction", open }, make("summary", { text: "Instructions" }),
      make("div", { class: "prose" }, sanitise(instruction))));
  }
  if (examples.length) {
    parts.push(make("details", { class: "instruction", open }, make("summary", { text: `Examples (${examples.length})` }),
      ...examples.map((one) => example(one, config))));
  }
  return parts;
}

/** @param {Example} one @param {import("./answers.js").Config} config */
function example(one, config) {
  const view = new ItemView(config, one.data, new Answers(config, []));
  return make("div", { class: "example" }, view.root, make("p", {}, make("b", { text: one.answer }), one.why ? ` ${one.why}` : ""));
}
