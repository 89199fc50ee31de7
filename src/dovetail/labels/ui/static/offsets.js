// Places in a text. Label Studio and Python count code points, browsers count UTF-16 units, and the
// two differ after an emoji. This converts between them, at no cost for texts without any.

/** Converts places of one text. */
export class Places {
  /** The UTF-16 places of all characters that take two units. @type {number[]} */
  #pairs = [];

  /** @param {string} text */
  constructor(text) {
    for (const found of text.matchAll(/[\ud800-\udbff][\udc00-\udfff]/g)) this.#pairs.push(found.index);
  }

  /** How many pairs begin before a UTF-16 place. @param {number} unit */
  #pairsBefore(unit) {
    let low = 0;
    let high = this.#pairs.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#pairs[middle] < unit) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** @param {number} unit A place in UTF-16 units. @returns {number} The place in code points. */
  toPoint(unit) { return unit - this.#pairsBefore(unit); }

  /** @param {number} point A place in code points. @returns {number} The place in UTF-16 units. */
  toUnit(point) {
    let low = 0;
    let high = this.#pairs.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#pairs[middle] - middle < point) low = middle + 1;
      else high = middle;
    }
    return point + low;
  }
}

/**
 * Cut a text into pieces at line ends or spaces, so that a browser lays out only those in sight.
 * @param {string} text @param {number} [size] About how long a piece is, in UTF-16 units.
 * @returns {{start: number, text: string}[]}
 */
export function pieces(text, size = 4000) {
  const found = [];
  for (let start = 0; start < text.length;) {
    let end = Math.min(start + size, text.length);
    if (end < text.length) {
      const line = text.lastIndexOf("\n", end - 1);
      const space = text.lastIndexOf(" ", end - 1);
      if (line > start + size / 4) end = line + 1;
      else if (space > start + size / 4) end = space + 1;
      else if (/[\ud800-\udbff]/.test(text[end - 1])) end += 1;
    }
    found.push({ start, text: text.slice(start, end) });
    start = end;
  }
  return found.length ? found : [{ start: 0, text: "" }];
}
