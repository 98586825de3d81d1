// Full-screen slideshow of the gallery, which may follow the playing song.
import { $, called, h, icon, say } from "./dom.js";
import { colourOf } from "./mood.js";
import { player } from "./player.js";

const PICTURE_MS = 6500;
const REMEMBERED = 12;
const PATIENCE_MS = 800;

/** Switch to full screen if the browser allows it; the slideshow works in a window too. */
function fillScreen() {
  const filled = document.documentElement.requestFullscreen?.() ?? Promise.reject(new Error("no full screen"));
  return Promise.race([filled.catch(() => {}), new Promise((resolve) => { setTimeout(resolve, PATIENCE_MS); })]);
}

export class Slideshow {
  /** `pictures()` returns the pictures to choose from, best first; those that are not there now are left out.
   * `inOrder()` tells whether they are shown one after the other, rather than again from the best that was not shown lately. */
  constructor(pictures, inOrder) {
    this._inOrder = inOrder;
    this._pictures = () => pictures().filter((item) => !item.missing);
    this._dialog = $("show");
    this._dialog.addEventListener("close", () => this._end());
    this._dialog.addEventListener("keydown", (event) => this._key(event));
    document.addEventListener("fullscreenchange", () => { if (!document.fullscreenElement) this._dialog.close(); });
    player.addEventListener("playing", () => this._state());
    player.addEventListener("moment", () => this._caption());
    player.addEventListener("time", () => this._line?.style.setProperty("--at", player.duration ? player.time / player.duration : 0));
  }

  get open() { return this._dialog.open; }

  async start() {
    if (!this._pictures().length) return say("There are no pictures to show");
    this._seen = [];
    this._shown = null;
    this._go = h("button", { type: "button", class: "go", onclick: () => player.toggle() });
    this._title = h("b");
    this._feel = h("span");
    this._line = h("i", { class: "line" });
    this._stage = h("div", { class: "stage" });
    const over = (kind, label, image, call) => h("button", { type: "button", class: `over ${kind}`, "aria-label": label, onclick: call }, icon(image));
    this._dialog.replaceChildren(this._stage, over("close", "End the slideshow", "close", () => this._dialog.close()),
      h("div", { class: "caption" }, player.song ? this._go : null, h("div", { class: "names" }, this._title, this._feel)), this._line);
    await fillScreen(); // before the dialog opens: the element that is shown last lies on top
    this._dialog.showModal();
    this._state();
    this._caption();
    this._next();
    if (player.song && player.paused) player.toggle();
    return undefined;
  }

  _next() {
    clearTimeout(this._timer);
    const all = this._pictures();
    const fresh = this._inOrder() ? all[(all.findIndex((item) => item.id === this._shown?.id) + 1) % all.length]
      : all.find((item) => !this._seen.includes(item.id)) ?? all[Math.floor(Math.random() * all.length)];
    if (fresh) this._show(fresh);
    this._timer = setTimeout(() => this._next(), PICTURE_MS);
  }

  async _show(item) {
    this._seen = [...this._seen, item.id].slice(-Math.min(REMEMBERED, Math.max(1, this._pictures().length - 1)));
    this._shown = item;
    const address = `${item.thumbnail}&side=1600`;
    const sharp = h("img", { src: address, alt: `${called(item)}: feels ${item.mood}` });
    const blur = h("img", { src: item.thumbnail, alt: "", class: "blur" });
    await sharp.decode().catch(() => {});
    if (this._shown !== item || !this.open) return;
    const before = [...this._stage.children];
    this._stage.append(blur, sharp);
    sharp.getBoundingClientRect(); // forces a layout, so that the fade starts at zero opacity
    for (const image of [blur, sharp]) image.classList.add("on");
    for (const image of before) image.classList.remove("on");
    setTimeout(() => before.forEach((image) => image.remove()), 1500);
    this._caption();
  }

  _caption() {
    if (!this.open) return;
    const emotion = player.moment && !player.paused ? player.moment : this._shown;
    this._title.textContent = player.song ? called(player.song) : (this._shown ? called(this._shown) : "");
    this._feel.textContent = [player.song?.artist, this._shown && `picture feels ${this._shown.mood}`].filter(Boolean).join(" · ");
    if (emotion) this._line.style.setProperty("--mood", colourOf(emotion, 0.78));
  }

  _state() {
    if (!this._go) return;
    this._go.replaceChildren(icon(player.paused ? "play" : "pause"));
    this._go.setAttribute("aria-label", player.paused ? "Play" : "Pause");
  }

  _key(event) {
    if (event.key === "ArrowRight") this._next();
    if (event.key === " " && !event.target.closest("button")) {
      event.preventDefault();
      player.toggle();
    }
  }

  _end() {
    clearTimeout(this._timer);
    if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
    this._dialog.replaceChildren();
  }
}
