// The valence–arousal plane: a control to choose an emotion, and a map of the results.
import { debounce, h } from "./dom.js";
import { colour } from "./mood.js";

const CELLS = 40;
const canvases = new Map();

/** Return a small canvas with the plane's colours; it is drawn once per theme. */
function planeColours() {
  const { theme } = document.documentElement.dataset;
  if (!canvases.has(theme)) {
    const canvas = h("canvas", { width: CELLS, height: CELLS });
    const paint = canvas.getContext("2d");
    for (let row = 0; row < CELLS; row += 1) {
      for (let column = 0; column < CELLS; column += 1) {
        paint.fillStyle = colour(((column + 0.5) / CELLS) * 2 - 1, 1 - ((row + 0.5) / CELLS) * 2);
        paint.fillRect(column, row, 1, 1);
      }
    }
    canvases.set(theme, canvas);
  }
  return canvases.get(theme);
}

const toPercent = (value) => ((value + 1) / 2) * 100;
const clamp = (value) => Math.min(1, Math.max(-1, value));

/** Return valence and arousal, moved to the edge of the plane if they lie beyond it. */
export const within = ({ valence, arousal }) => ({ valence: clamp(valence), arousal: clamp(arousal) });

/** Put an element at a place of the plane. */
export function put(element, { valence, arousal }) {
  element.style.left = `${toPercent(valence)}%`;
  element.style.top = `${100 - toPercent(arousal)}%`;
}

/** Return the place of a plane at which a pointer is. */
export function placeAt(plane, { clientX, clientY }) {
  const box = plane.getBoundingClientRect();
  return within({ valence: ((clientX - box.left) / box.width) * 2 - 1, arousal: 1 - ((clientY - box.top) / box.height) * 2 });
}

/** Follow a pointer that was pressed over a plane: call `move(place)` on each movement, `drop()` at the end. */
export function drag(plane, event, move, drop) {
  event.preventDefault();
  plane.setPointerCapture(event.pointerId);
  const done = new AbortController();
  plane.addEventListener("pointermove", (moved) => move(placeAt(plane, moved)), { signal: done.signal });
  for (const name of ["pointerup", "pointercancel"]) {
    plane.addEventListener(name, () => {
      done.abort();
      drop();
    }, { signal: done.signal });
  }
}

export class Pad {
  /** Call `choose(valence, arousal)` when the user chooses a point. */
  constructor(box, choose) {
    this._choose = choose;
    this._later = debounce(160, choose);
    this._dots = [];
    this._taker = null;
    this._canvas = h("canvas", { "aria-hidden": "true" });
    this._at = h("i", { class: "at", hidden: true });
    this._pad = h("div", { class: "pad", role: "group", "aria-label": "Emotion plane: unpleasant to pleasant, quiet to lively" }, this._canvas, this._at);
    this._valence = this._slider("Pleasant");
    this._arousal = this._slider("Lively");
    box.replaceChildren(this._pad, h("div", { class: "axes" },
      h("span", {}, "unpleasant"), this._valence, h("span", {}, "pleasant"),
      h("span", {}, "quiet"), this._arousal, h("span", {}, "lively")));
    this._pad.addEventListener("pointerdown", (event) => this._press(event));
    new ResizeObserver(() => this._draw()).observe(this._pad);
    addEventListener("theme", () => this._draw());
  }

  /** Label the points of the named moods. */
  name(moods) {
    this._pad.querySelectorAll(".mood").forEach((button) => button.remove());
    for (const [mood, [valence, arousal]] of Object.entries(moods)) {
      if (mood === "neutral") continue;
      const button = h("button", { type: "button", class: "mood", onclick: () => this._choose(valence, arousal) }, mood);
      button.inert = Boolean(this._taker);
      put(button, { valence, arousal });
      this._canvas.after(button);
    }
  }

  /** Mark a place; null removes the mark. */
  mark(place) {
    this._at.hidden = place === null;
    if (place === null) return;
    const { valence, arousal } = place;
    put(this._at, place);
    this._at.style.setProperty("--mood", colour(valence, arousal));
    this._valence.value = valence;
    this._arousal.value = arousal;
  }

  /** Show the places of results. */
  dots(items) {
    this._dots = items.map(({ place }) => [place.valence, place.arousal]);
    this._draw();
  }

  /** The element that shows the plane. */
  get plane() { return this._pad; }

  /** Give presses and slides to another object, `{press(event), slide(place), label}`; null: a point is chosen again. */
  divert(taker) {
    this._taker = taker;
    this._pad.classList.toggle("diverted", Boolean(taker));
    for (const button of this._pad.querySelectorAll(".mood")) button.inert = Boolean(taker);
    for (const [slider, word] of [[this._valence, "Pleasant"], [this._arousal, "Lively"]]) {
      slider.setAttribute("aria-label", taker ? `${taker.label}: ${word.toLowerCase()}` : word);
    }
  }

  _slider(label) {
    const slide = () => {
      const [valence, arousal] = [Number(this._valence.value), Number(this._arousal.value)];
      if (this._taker) {
        this._taker.slide({ valence, arousal });
        return;
      }
      this.mark({ valence, arousal });
      this._later(valence, arousal);
    };
    return h("input", { type: "range", min: -1, max: 1, step: 0.05, value: 0, "aria-label": label, oninput: slide });
  }

  _press(event) {
    if (event.target.closest("button") || event.button) return;
    if (this._taker) {
      this._taker.press(event);
      return;
    }
    const move = (place) => {
      this.mark(place);
      this._later(place.valence, place.arousal);
    };
    move(placeAt(this._pad, event));
    drag(this._pad, event, move, () => {});
  }

  _draw() {
    const { clientWidth: width, clientHeight: height } = this._pad;
    if (!width) return;
    const scale = devicePixelRatio || 1;
    this._canvas.width = width * scale;
    this._canvas.height = height * scale;
    const paint = this._canvas.getContext("2d");
    paint.scale(scale, scale);
    const style = getComputedStyle(document.documentElement);
    paint.globalAlpha = 0.4;
    paint.imageSmoothingQuality = "high";
    paint.drawImage(planeColours(), 0, 0, width, height);
    paint.globalAlpha = 1;
    paint.strokeStyle = style.getPropertyValue("--edge");
    paint.setLineDash([2, 4]);
    paint.beginPath();
    paint.moveTo(width / 2, 0);
    paint.lineTo(width / 2, height);
    paint.moveTo(0, height / 2);
    paint.lineTo(width, height / 2);
    paint.stroke();
    paint.setLineDash([]);
    paint.fillStyle = style.getPropertyValue("--ink");
    paint.strokeStyle = style.getPropertyValue("--page");
    for (const [valence, arousal] of this._dots) {
      paint.beginPath();
      paint.arc(((valence + 1) / 2) * width, ((1 - arousal) / 2) * height, 3, 0, 7);
      paint.globalAlpha = 0.75;
      paint.fill();
      paint.stroke();
    }
    paint.globalAlpha = 1;
  }
}
