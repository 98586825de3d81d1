// Card of a journey: fields for its two ends and the number of steps.
import { called, debounce, h, icon } from "./dom.js";
import { STEPS } from "./state.js";

const NUMBERS = /^([+-]?\d*\.?\d+)\s*,\s*([+-]?\d*\.?\d+)$/;
const PAUSE_MS = 300; // the steps are changed by many small clicks

export const isPlace = (text) => NUMBERS.test(text);
const shown = (text) => text.replaceAll("-", "−").replace(",", ", ");

export class Ends {
  /** `change({from, to, via, steps})` is called with what the user has changed. */
  constructor(change) {
    this._change = change;
    this._names = new Map();
    this._from = this._field("from");
    this._to = this._field("to");
    const later = debounce(PAUSE_MS, change);
    this._steps = h("input", { type: "number", id: "steps", min: STEPS[0], max: STEPS[1], onchange: () => {
      const steps = Math.round(Math.min(STEPS[1], Math.max(STEPS[0], this._steps.valueAsNumber || 10)));
      this._steps.value = steps;
      later({ steps });
    } });
    this._straight = h("button", { type: "button", class: "plain", onclick: () => change({ via: "" }) }, "Straighten");
    this._problem = h("p", { class: "wrong", role: "alert" });
    this.element = h("div", { class: "card ends" },
      row("A", "From", "from", this._from), row("B", "To", "to", this._to),
      h("div", { class: "steps" }, h("label", { for: "steps" }, "Steps"), this._steps,
        h("button", { type: "button", class: "plain icon", "aria-label": "Swap start and end", title: "Swap start and end",
          onclick: () => change({ from: this._now.to, to: this._now.from }) }, icon("swap")), this._straight), this._problem);
  }

  /** Show the journey of the page's state. */
  show(now) {
    this._now = now;
    for (const [name, box] of [["from", this._from], ["to", this._to]]) box.value = this._names.get(now[name]) ?? (isPlace(now[name]) ? shown(now[name]) : now[name]);
    this._steps.value = now.steps;
    this._straight.hidden = !now.via;
    this.fail("");
  }

  /** Remember the names of files, which the address knows by their ids. */
  learn(items) {
    for (const item of items) if (item.id !== null) this._names.set(item.id, called(item));
  }

  fail(message) { this._problem.textContent = message; }

  _field(name) {
    const box = h("input", { type: "text", id: `end-${name}`, list: "moods", autocomplete: "off", spellcheck: "false", onchange: () => {
      const text = box.value.trim().replaceAll("−", "-");
      const numbers = NUMBERS.exec(text);
      const end = numbers ? `${numbers[1]},${numbers[2]}` : text;
      if (end) this._change({ [name]: end });
      else this.show(this._now);
    } });
    return box;
  }
}

const row = (badge, label, name, box) => h("div", { class: "end" }, h("i", { class: "badge", "aria-hidden": "true" }, badge), h("label", { for: `end-${name}` }, label), box);
