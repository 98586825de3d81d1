// A journey on the emotion plane: its line with the steps, and handles to move its ends and to bend it.
import { debounce, h, say, shape } from "./dom.js";
import { drag, placeAt, put, within } from "./pad.js";

const KEY_STEP = 0.05;
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] };
const NAMES = { from: "Start", to: "End", via: "Bend" };
const NEW_KEYS_MS = 400; // keys pressed within this time are one movement

const x = ({ valence }) => (valence + 1) * 50;
const y = ({ arousal }) => (1 - arousal) * 50;
const middle = (one, other) => ({ valence: (one.valence + other.valence) / 2, arousal: (one.arousal + other.arousal) / 2 });
const length = (one, other) => Math.hypot(one.valence - other.valence, one.arousal - other.arousal);
const told = ({ valence, arousal }) => `pleasant ${valence.toFixed(2)}, lively ${arousal.toFixed(2)}`;

export class Trail {
  /** `moved(name, place)`: the user has moved `from`, `to` or `via`; the place is null if the line was straightened. */
  constructor(pad, moved) {
    this._pad = pad;
    this._moved = moved;
    this._later = debounce(NEW_KEYS_MS, moved);
    this._drawing = shape("svg", { class: "trail", viewBox: "0 0 100 100", role: "img" });
    this._handles = Object.fromEntries(Object.keys(NAMES).map((name) => [name, this._handle(name)]));
    this._layer = h("div", { class: "trail", hidden: true }, this._drawing, Object.values(this._handles));
    pad.plane.append(this._layer);
  }

  /** Show a journey of the API; `playing`: the id of the song that plays, or null. */
  show(journey, playing) {
    const [via] = journey.via;
    this._steps = journey.steps;
    this._bent = Boolean(via);
    this._places = { from: journey.from.place, to: journey.to.place, via: via?.place ?? middle(journey.from.place, journey.to.place) };
    for (const name of ["from", "to"]) {
      this._handles[name].disabled = journey[name].id !== null; // the place of a file is where the file is
      this._handles[name].title = journey[name].id === null ? "" : (journey[name].title ?? journey[name].name);
    }
    this._layer.hidden = false;
    this._pad.divert({ press: (event) => this._grab("via", event, placeAt(this._pad.plane, event)), slide: (place) => this._key("via", place), label: NAMES.via });
    this._pad.dots([]);
    this._drawing.setAttribute("aria-label", `Line of the journey with ${journey.steps.length} steps; hollow dots show where the files lie`);
    this.light(playing);
  }

  hide() {
    this._layer.hidden = true;
    this._pad.divert(null);
  }

  /** Mark the step that plays. */
  light(id) {
    this._playing = id;
    if (!this._layer.hidden) this._draw(false);
  }

  _handle(name) {
    return h("button", { type: "button", class: `handle ${name}`, onpointerdown: (event) => { if (!event.button) this._grab(name, event); },
      onkeydown: (event) => this._press(name, event) }, { from: "A", to: "B", via: "" }[name]);
  }

  /** Drag a handle by a pointer; `at`: the place to which it goes at once, if it was not pressed itself. */
  _grab(name, event, at = null) {
    const start = this._places[name];
    this._handles[name].focus({ preventScroll: true });
    if (at) this._move(name, at);
    drag(this._pad.plane, event, (place) => this._move(name, place), () => {
      if (length(start, this._places[name]) > 0) this._moved(name, this._places[name]);
    });
  }

  _press(name, event) {
    if (name === "via" && this._bent && ["Delete", "Backspace"].includes(event.key)) {
      event.preventDefault();
      this._moved("via", null);
    }
    const by = KEYS[event.key];
    if (!by) return;
    event.preventDefault();
    const { valence, arousal } = this._places[name];
    this._key(name, within({ valence: valence + by[0] * KEY_STEP, arousal: arousal + by[1] * KEY_STEP }));
    say(`${NAMES[name]}: ${told(this._places[name])}`);
  }

  _key(name, place) {
    this._move(name, place);
    this._later(name, place);
  }

  _move(name, place) {
    this._places[name] = place;
    if (name === "via") this._bent = true;
    else if (!this._bent) this._places.via = middle(this._places.from, this._places.to);
    this._draw(true);
  }

  /** Draw line, steps and handles; while something `moves`, the files of the steps are not known. */
  _draw(moves) {
    const { from, via, to } = this._places;
    const points = this._bent ? [from, via, to] : [from, to];
    const way = moves ? trace(points, this._steps.length) : this._steps.map((step) => step.waypoint);
    const files = moves ? [] : this._steps;
    this._drawing.replaceChildren(
      shape("polyline", { class: "line", points: points.map((point) => `${x(point)},${y(point)}`).join(" ") }),
      ...files.map(({ place, waypoint }) => shape("line", { class: "off", x1: x(waypoint), y1: y(waypoint), x2: x(place), y2: y(place) })),
      ...way.map((point) => shape("circle", { class: "way", cx: x(point), cy: y(point), r: 1.5 })),
      ...files.map(({ id, place }) => shape("circle", { class: id === this._playing ? "file playing" : "file", cx: x(place), cy: y(place), r: 2.1 })));
    for (const [name, handle] of Object.entries(this._handles)) {
      const place = this._places[name];
      put(handle, place);
      const use = { via: "drag or use the arrow keys to bend the line" }[name] ?? "drag or use the arrow keys to move it";
      handle.setAttribute("aria-label", `${NAMES[name]} of the journey, ${told(place)}${handle.disabled ? `: ${handle.title}` : `; ${use}`}`);
    }
    this._handles.via.classList.toggle("bent", this._bent);
    this._pad.mark(via);
  }
}

/** Return `count` places at equal distances along a line with bends. */
function trace(points, count) {
  const lengths = points.slice(1).map((point, place) => length(points[place], point));
  const whole = lengths.reduce((sum, one) => sum + one, 0);
  return Array.from({ length: count }, (_, step) => {
    let rest = (whole * step) / Math.max(1, count - 1);
    let part = 0;
    while (part < lengths.length - 1 && rest > lengths[part]) {
      rest -= lengths[part];
      part += 1;
    }
    const share = lengths[part] ? Math.min(1, rest / lengths[part]) : 0;
    const [one, other] = [points[part], points[part + 1]];
    return { valence: one.valence + share * (other.valence - one.valence), arousal: one.arousal + share * (other.arousal - one.arousal) };
  });
}
