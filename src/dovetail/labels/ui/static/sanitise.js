// Markup of tasks and instructions is never trusted: it is parsed where nothing runs and loads, and
// built anew from a short list of harmless elements. No attribute is taken over but a few by name.

import { make } from "./elements.js";

const PLAIN = new Set([
  "B", "BLOCKQUOTE", "BR", "CAPTION", "CODE", "DD", "DIV", "DL", "DT", "EM", "H1", "H2", "H3", "H4", "H5",
  "H6", "HR", "I", "KBD", "LI", "OL", "P", "PRE", "S", "SECTION", "ARTICLE", "SMALL", "SPAN", "STRONG", "SUB",
  "SUP", "TABLE", "TBODY", "TD", "TFOOT", "TH", "THEAD", "TR", "U", "UL", "MARK", "FIGURE", "FIGCAPTION",
]);
const DROPPED = new Set([
  "SCRIPT", "STYLE", "IFRAME", "OBJECT", "EMBED", "SVG", "MATH", "TEMPLATE", "NOSCRIPT", "LINK", "META",
  "HEAD", "TITLE", "TEXTAREA", "SELECT", "INPUT", "BUTTON", "AUDIO", "VIDEO", "CANVAS", "FRAMESET", "PORTAL",
]);
const PICTURE = /^(https?:\/\/|\/(?!\/)|data:image\/(png|jpeg|gif|webp|avif|bmp);base64,)/i;

/** Whether a picture may be loaded from an address. @param {string} address */
export function isPicture(address) { return PICTURE.test(address.trim()); }

/** Handlers and styles: nothing here would run or apply them, but browsers would complain of each. */
const TAG = /<[a-z][^>]*>/gi;
const STYLE = /<(\/?)style\b/gi;
const ACTIVE = /\s(on\w+|style)\s*=/gi;

/**
 * Markup as harmless nodes.
 * @param {string} markup
 * @param {WeakMap<Node, Node>} [origins] Filled with the parsed text node of each text node made.
 */
export function sanitise(markup, origins) {
  const calm = markup.replace(STYLE, "<$1template").replace(TAG, (tag) => tag.replace(ACTIVE, " data-off="));
  const parsed = new DOMParser().parseFromString(calm, "text/html");
  const made = document.createDocumentFragment();
  copyChildren(parsed.body, made, origins, 0);
  return made;
}

/** @param {Node} from @param {Node} to @param {WeakMap<Node, Node> | undefined} origins @param {number} depth */
function copyChildren(from, to, origins, depth) {
  if (depth > 200) return;
  for (const child of from.childNodes) {
    if (child.nodeType === Node.TEXT_NODE) {
      const text = document.createTextNode(child.textContent ?? "");
      origins?.set(text, child);
      to.appendChild(text);
    } else if (child instanceof Element) {
      const name = child.tagName.toUpperCase();
      if (DROPPED.has(name)) continue;
      const made = copied(child, name);
      to.appendChild(made);
      copyChildren(child, made, origins, depth + 1);
    }
  }
}

/** @param {Element} element @param {string} name @returns {Element} */
function copied(element, name) {
  if (name === "IMG") {
    const address = element.getAttribute("src") ?? "";
    const alt = element.getAttribute("alt") ?? "";
    return isPicture(address)
      ? make("img", { src: address, alt, loading: "lazy", referrerpolicy: "no-referrer" })
      : make("span", { text: alt });
  }
  const made = document.createElement(PLAIN.has(name) ? name.toLowerCase() : "span");
  for (const key of ["colspan", "rowspan"]) {
    const value = element.getAttribute(key);
    if (value && /^\d{1,3}$/.test(value)) made.setAttribute(key, value);
  }
  if (name === "A") made.setAttribute("class", "was-link");
  return made;
}

/** The place of a parsed node below its body, as Label Studio writes it. @param {Node} node */
export function pathOf(node) {
  let path = "";
  for (let at = node; at.parentNode && at.nodeName !== "BODY"; at = at.parentNode) {
    let nth = 1;
    for (let before = at.previousSibling; before; before = before.previousSibling) {
      if (before.nodeName === at.nodeName) nth += 1;
    }
    path = `/${at.nodeType === Node.TEXT_NODE ? "text()" : at.nodeName.toLowerCase()}[${nth}]${path}`;
  }
  return path;
}
