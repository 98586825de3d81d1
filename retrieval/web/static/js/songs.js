// List of songs in order, each with its best moment.
import { alike, called, clock, h, icon } from "./dom.js";
import { colourOf } from "./mood.js";
import { player } from "./player.js";
import { fitInWords, inWords, meter, percentages, polarityInWords } from "./score.js";

/** `acts`: play(song), and row(song), which returns the further actions as [label, icon, call]. */
export class Songs {
  constructor(acts) {
    this._acts = acts;
    this.items = [];
    this.element = h("ol", { class: "songs", id: "songs" });
    player.addEventListener("song", () => this._mark());
    player.addEventListener("playing", () => this._mark());
  }

  replace(items) {
    this.items = items;
    this.element.replaceChildren(...items.map((item) => this._row(item)));
    this._label();
    this._mark();
  }

  append(items) {
    this.items = [...this.items, ...items];
    this.element.append(...items.map((item) => this._row(item)));
    this._label();
    this._mark();
  }

  wait(count = 8) {
    this.items = [];
    this.element.replaceChildren(...Array.from({ length: count }, () => h("li", { class: "song skeleton", "aria-hidden": "true" }, h("span", { class: "play" }))));
  }

  _row(song) {
    const name = called(song);
    const from = song.moment ? `best from ${clock(song.moment.start_s)}` : clock(song.duration_s);
    const act = ([label, image, call]) => h("button", { type: "button", class: "round", title: label, "aria-label": `${label}: ${name}`, onclick: call }, icon(image));
    const about = song.missing ? ["not there now", song.artist] : [from, song.artist];
    return h("li", { class: `song${song.missing ? " missing" : ""}`, "data-id": song.id, "--mood": colourOf(song) },
      h("button", { type: "button", class: "play", "aria-label": `Play ${name}, ${song.missing ? "not there now" : from}`, disabled: Boolean(song.missing), onclick: () => this._acts.play(song) }, icon("play")),
      h("div", { class: "names" }, h("b", { title: name }, name), h("span", { title: song.missing ? song.path : null }, about.filter(Boolean).join(" · ")), alike(song)),
      h("div", { class: "feel" }, h("i", { class: "dot" }), song.mood),
      h("div", { class: "score" }, h("span", { class: "unseen" }), h("div", { "aria-hidden": "true" }, h("b", { class: "percent" }), h("span", {}, fitInWords(song)), meter("bar", song)),
        h("span", { class: "polarity" }, polarityInWords(song))),
      h("div", { class: "acts" }, this._acts.row(song).map(act)));
  }

  /** Write the percentages, which depend on each other. */
  _label() {
    const written = percentages(this.items);
    for (const [place, row] of [...this.element.children].entries()) {
      const score = row.querySelector(".score");
      const sentence = inWords(this.items[place], written[place]);
      score.title = sentence;
      score.querySelector(".unseen").textContent = sentence;
      score.querySelector(".percent").textContent = written[place];
    }
  }

  _mark() {
    for (const row of this.element.querySelectorAll("[data-id]")) {
      const here = player.song?.id === row.dataset.id;
      row.toggleAttribute("aria-current", here);
      if (here) row.setAttribute("aria-current", "true");
      const playing = here && !player.paused;
      const button = row.querySelector(".play");
      button.replaceChildren(icon(playing ? "pause" : "play"));
      button.setAttribute("aria-label", button.getAttribute("aria-label").replace(/^(Play|Pause)/, playing ? "Pause" : "Play"));
    }
  }
}
