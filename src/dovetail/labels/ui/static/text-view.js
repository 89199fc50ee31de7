// A text of any length with spans on it, by mouse and by keyboard. It is cut into pieces that the
// browser lays out only in sight, and only pieces whose spans changed are drawn again.

import { make, paint } from "./elements.js";
import { Places, pieces } from "./offsets.js";
import { pathOf, sanitise } from "./sanitise.js";

/** @typedef {import("./answers.js").Answers} Answers */
/** @typedef {{id: string, start: number, end: number, label: string, index: number, option?: import("./answers.js").Option}} Span */
/** @typedef {{element: HTMLElement, start: number, text: string, drawn: string}} Piece */

/** Shows one Text or HyperText of a task. */
export class TextView {
  /** @type {HTMLElement} */ root;
  /** Called when the reader has selected a part by mouse or touch. @type {() => void} */ onselected = () => {};
  /** Called when a span was clicked. @type {(id: string) => void} */ onpick = () => {};
  /** @type {Piece[]} */ #pieces = [];
  /** @type {Places} */ #places;
  /** @type {string} */ #text;
  /** @type {{node: Text, start: number}[]} */ #origins = [];
  #selected = "";

  /**
   * @param {import("./answers.js").Shown} shown @param {string} text @param {Answers} answers
   */
  constructor(shown, text, answers) {
    this.shown = shown;
    this.answers = answers;
    const hyper = shown.tag === "HyperText";
    this.root = make("div", { class: `text${hyper ? " hyper" : ""}`, tabindex: 0, role: "region", "aria-label": shown.name });
    this.#text = hyper ? this.#fillHyper(text) : this.#fill(text);
    this.#places = new Places(this.#text);
    this.root.addEventListener("pointerup", () => setTimeout(() => { if (this.selection()) this.onselected(); }));
    this.root.addEventListener("click", (event) => {
      const mark = /** @type {Element} */ (event.target).closest(".mark");
      if (mark && !this.selection()) this.onpick(mark.getAttribute("data-id") ?? "");
    });
    this.draw();
  }

  /** @param {string} text */
  #fill(text) {
    for (const piece of pieces(text)) {
      const element = make("div", { class: "piece", text: piece.text });
      this.#pieces.push({ element, ...piece, drawn: "" });
      this.root.append(element);
    }
    return text;
  }

  /** @param {string} markup */
  #fillHyper(markup) {
    /** @type {WeakMap<Node, Node>} */ const parsed = new WeakMap();
    this.root.append(sanitise(markup, parsed));
    const walk = document.createTreeWalker(this.root, NodeFilter.SHOW_TEXT);
    const nodes = [];
    while (walk.nextNode()) nodes.push(/** @type {Text} */ (walk.currentNode));
    let whole = "";
    for (const node of nodes) {
      if (!node.data.trim() && /^(TABLE|TBODY|THEAD|TFOOT|TR|UL|OL|DL)$/.test(node.parentElement?.tagName ?? "")) {
        whole += node.data;
        continue;
      }
      const element = make("span", { class: "run" });
      this.#pieces.push({ element, start: whole.length, text: node.data, drawn: "" });
      this.#origins.push({ node: /** @type {Text} */ (parsed.get(node)), start: whole.length });
      whole += node.data;
      node.replaceWith(element);
      element.append(node);
    }
    return whole;
  }

  /** Draw the spans that the answers hold. @param {string} [selected] The id of the span that is chosen. */
  draw(selected = this.#selected) {
    this.#selected = selected;
    const spans = this.answers.marksOf(this.shown.name).map((region) => this.#spanOf(region));
    for (const piece of this.#pieces) {
      const end = piece.start + piece.text.length;
      const own = spans.filter((span) => span.start < end && span.end > piece.start);
      const key = own.length ? JSON.stringify([own, own.some((s) => s.id === selected) ? selected : ""]) : "";
      if (key === piece.drawn) continue;
      piece.drawn = key;
      piece.element.replaceChildren(this.#drawn(piece, own));
    }
  }

  /** @param {import("./answers.js").Region} region @returns {Span} */
  #spanOf(region) {
    const { value } = region;
    const { start, end } = value.globalOffsets ?? value;
    return {
      id: region.id ?? "", start: this.#places.toUnit(Number(start)), end: this.#places.toUnit(Number(end)),
      ...this.answers.optionOf(region),
    };
  }

  /** A piece's text, cut where spans begin and end. @param {Piece} piece @param {Span[]} spans */
  #drawn(piece, spans) {
    const length = piece.text.length;
    const inside = (/** @type {number} */ at) => Math.min(Math.max(at - piece.start, 0), length);
    const cuts = [...new Set([0, length, ...spans.flatMap((s) => [inside(s.start), inside(s.end)])])].sort((a, b) => a - b);
    const made = document.createDocumentFragment();
    for (let i = 0; i + 1 < cuts.length; i += 1) {
      const text = piece.text.slice(cuts[i], cuts[i + 1]);
      const at = piece.start + cuts[i];
      const over = spans.filter((span) => span.start <= at && span.end > at);
      made.append(over.length ? this.#mark(text, over, at + text.length) : text);
    }
    return made;
  }

  /** @param {string} text @param {Span[]} over The spans here, of which the shortest is on top. @param {number} end */
  #mark(text, over, end) {
    const top = over.reduce((a, b) => (b.end - b.start < a.end - a.start ? b : a));
    const mark = make("mark", { class: "mark", text, "data-id": top.id, title: over.map((s) => s.label).join(", ") });
    if (top.end === end) mark.setAttribute("data-label", over.filter((s) => s.end === end).map((s) => s.label).join(", "));
    if (over.some((span) => span.id === this.#selected)) mark.classList.add("chosen");
    if (over.length > 1) mark.classList.add("several");
    paint(mark, top.option, top.index);
    return mark;
  }

  /**
   * What is selected, in UTF-16 units without outer blanks; null for nothing.
   * @returns {{start: number, end: number} | null}
   */
  selection() {
    const selection = document.getSelection();
    if (!selection?.rangeCount || selection.isCollapsed) return null;
    const range = selection.getRangeAt(0);
    if (!range.intersectsNode(this.root)) return null;
    let start = this.#unitOf(range.startContainer, range.startOffset, 0);
    let end = this.#unitOf(range.endContainer, range.endOffset, this.#text.length);
    const said = this.#text.slice(start, end);
    start += said.length - said.trimStart().length;
    end -= said.length - said.trimEnd().length;
    if (this.shown.attrs.granularity === "word") {
      while (start > 0 && /[\p{L}\p{N}]/u.test(this.#text[start - 1])) start -= 1;
      while (end < this.#text.length && /[\p{L}\p{N}]/u.test(this.#text[end])) end += 1;
    }
    return start < end ? { start, end } : null;
  }

  /** Where a point of the document is in the text. @param {Node} node @param {number} offset @param {number} outside */
  #unitOf(node, offset, outside) {
    const piece = this.#pieces.find((one) => one.element === node || one.element.contains(node));
    const range = document.createRange();
    if (piece) {
      range.setStart(piece.element, 0);
      range.setEnd(node, offset);
      return piece.start + range.toString().length;
    }
    if (!this.root.contains(node)) return outside;
    const child = node.childNodes[offset];
    const next = child && this.#pieces.find((one) => child.contains(one.element) || child === one.element
      || !!(child.compareDocumentPosition(one.element) & Node.DOCUMENT_POSITION_FOLLOWING));
    return next ? next.start : this.#text.length;
  }

  /** Mark what is selected. @param {import("./answers.js").Control} control @param {string} label */
  mark(control, label) {
    const found = this.selection();
    if (!found) return null;
    const { start, end } = found;
    const text = this.#text.slice(start, end);
    const points = { start: this.#places.toPoint(start), end: this.#places.toPoint(end) };
    const place = this.shown.tag === "HyperText" ? { ...this.#paths(start, end), globalOffsets: points } : points;
    const region = this.answers.addMark(control, label, { ...place, text });
    this.#putCaret(end);
    return region;
  }

  /** Let the next key go on from a place. @param {number} unit */
  #putCaret(unit) {
    const piece = this.#pieces.findLast((one) => one.start < unit);
    let left = unit - (piece?.start ?? 0);
    const walk = document.createTreeWalker(piece?.element ?? this.root, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
      const length = walk.currentNode.textContent?.length ?? 0;
      if (left <= length) return document.getSelection()?.collapse(walk.currentNode, left);
      left -= length;
    }
    return document.getSelection()?.removeAllRanges();
  }

  /** The ends of a span in the markup, as Label Studio writes them. @param {number} start @param {number} end */
  #paths(start, end) {
    const first = this.#origins.findLast((one) => one.start <= start);
    const last = this.#origins.findLast((one) => one.start < end);
    if (!first || !last) return {};
    return {
      start: pathOf(first.node), startOffset: start - first.start,
      end: pathOf(last.node), endOffset: end - last.start,
    };
  }

  /**
   * Move the selection by keyboard: a word, or with Shift one more word; with Alt by characters.
   * @param {KeyboardEvent} event @returns {boolean} Whether the key was one of these.
   */
  move(event) {
    const ways = /** @type {Record<string, [string, string]>} */ ({
      ArrowRight: ["forward", "word"], ArrowLeft: ["backward", "word"],
      ArrowDown: ["forward", "line"], ArrowUp: ["backward", "line"],
    });
    const way = ways[event.key];
    const selection = document.getSelection();
    if (!way || !selection) return false;
    const [direction, size] = event.altKey && way[1] === "word" ? [way[0], "character"] : way;
    if (!selection.anchorNode || !this.root.contains(selection.anchorNode)) {
      selection.collapse(this.#pieces[0].element, 0);
      if (direction === "forward" && !event.shiftKey) selection.modify("extend", "forward", "word");
      return true;
    }
    if (event.shiftKey) {
      selection.modify("extend", direction, size);
    } else {
      if (direction === "forward") selection.collapseToEnd();
      else selection.collapseToStart();
      if (size === "line") selection.modify("move", direction, "line");
      if (size === "line" || direction === "backward") selection.modify("move", "backward", size === "line" ? "word" : size);
      selection.modify("extend", "forward", size === "line" ? "word" : size);
    }
    const focus = selection.focusNode;
    (focus instanceof Element ? focus : focus?.parentElement)?.scrollIntoView({ block: "nearest" });
    return true;
  }
}
