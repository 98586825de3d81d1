// The player: the current song, its position, and the dock that shows it.
import { get } from "./api.js";
import { $, called, clock, h, icon } from "./dom.js";
import { colourOf, tint } from "./mood.js";
import { drawWave, momentAt } from "./wave.js";

/** Dispatches `song` (item), `time` (seconds), `moment` (of the curve), `playing`, `ended`, `follow` and `slideshow`. */
class Player extends EventTarget {
  constructor() {
    super();
    this.song = null;
    this.curve = null;
    this.following = false;
    this._peaks = [];
    this._audioUrls = new Map();
    this._audio = new Audio();
    this._audio.preload = "metadata";
    this._moment = null;
    for (const name of ["play", "pause", "ended"]) this._audio.addEventListener(name, () => this._playing());
    this._audio.addEventListener("ended", () => this.dispatchEvent(new Event("ended")));
    this._audio.addEventListener("timeupdate", () => this._time());
    this._audio.addEventListener("seeked", () => this._time());
    this._audio.addEventListener("error", () => this._mute(this.song?.missing ? "This file is not there now." : "This browser cannot play this file."));
    addEventListener("theme", () => this._draw());
    addEventListener("resize", () => this._draw());
  }

  get time() { return this._audio.currentTime; }
  get paused() { return this._audio.paused; }
  get duration() { return this.song?.duration_s || this._audio.duration || 0; }
  get moment() { return this._moment; }

  /** Keep the audio of a file that was uploaded from this page: the server does not keep it. */
  remember(id, file) {
    this._audioUrls.set(id, URL.createObjectURL(file));
  }

  /** Load a song; `start`: position in seconds; `play`: whether to start at once. */
  async load(song, { start = 0, play = false } = {}) {
    if (this.song?.id !== song.id) {
      this.song = song;
      this.curve = song.curve ?? null;
      this._peaks = [];
      this._moment = null;
      this._dock();
      const source = song.media ?? this._audioUrls.get(song.id);
      if (source) this._audio.src = source;
      else {
        this._audio.removeAttribute("src");
        this._mute("Its audio was not kept: drop the file again to hear it.");
      }
      this.dispatchEvent(new CustomEvent("song", { detail: song }));
      this._describe(song);
    }
    if (!this._audio.hasAttribute("src")) return;
    if (start || play) await this._goTo(start);
    if (play) await this._audio.play().catch(() => {});
  }

  /** Seek to a position in seconds, once the browser knows how long the song is. */
  async _goTo(seconds) {
    const { song } = this;
    if (!this._audio.readyState) {
      await new Promise((known) => {
        for (const name of ["loadedmetadata", "error", "emptied"]) this._audio.addEventListener(name, known, { once: true });
      });
    }
    if (this.song === song) this._audio.currentTime = seconds;
  }

  toggle() {
    if (!this._audio.hasAttribute("src")) return;
    if (this._audio.paused) this._audio.play().catch(() => {});
    else this._audio.pause();
  }

  pause() { this._audio.pause(); }

  close() {
    this._audio.pause();
    this._audio.removeAttribute("src");
    this.song = null;
    $("dock").hidden = true;
    delete document.body.dataset.dock;
  }

  setFollowing(on) {
    this.following = on;
    this._follow?.setAttribute("aria-pressed", on);
  }

  async _describe(song) {
    const outline = song.media ? `/items/${song.id}/outline` : `/uploads/${song.id}/outline`;
    const [waveform, mood] = await Promise.allSettled([
      get(outline),
      this.curve ? { files: [song] } : get("/mood", { like: song.id }),
    ]);
    if (this.song !== song) return;
    if (waveform.status === "fulfilled") this._peaks = waveform.value.peaks;
    if (mood.status === "fulfilled") this.curve = mood.value.files[0].curve;
    this._time();
  }

  _dock() {
    const { song } = this;
    this._go = h("button", { type: "button", class: "go", "aria-label": "Play", onclick: () => this.toggle() }, icon("play"));
    this._canvas = h("canvas", { "aria-hidden": "true" });
    this._seek = h("input", { type: "range", min: 0, max: Math.ceil(this.duration) || 1, step: 1, value: 0, "aria-label": "Position in the song",
      oninput: () => { this._audio.currentTime = Number(this._seek.value); } });
    this._clock = h("span", { class: "time" }, `0:00 / ${clock(this.duration)}`);
    this._follow = h("button", { type: "button", class: "plain", id: "follow", "aria-pressed": String(this.following),
      onclick: () => this.dispatchEvent(new Event("follow")) }, icon("follow"), "Follow the music");
    const show = h("button", { type: "button", class: "plain", id: "start-show", onclick: () => this.dispatchEvent(new Event("slideshow")) }, icon("show"), "Slideshow");
    this._names = h("span", {}, song.artist ?? song.mood);
    $("dock").replaceChildren(this._go, h("div", { class: "names" }, h("b", { title: called(song) }, called(song)), this._names),
      h("div", { class: "wave" }, this._canvas, this._seek), this._clock, h("div", { class: "acts" }, this._follow, show));
    $("dock").hidden = false;
    document.body.dataset.dock = "";
  }

  _mute(why) {
    if (!this.song) return;
    this._names.className = "mute";
    this._names.textContent = why;
    this._names.title = why;
  }

  _playing() {
    const playing = !this._audio.paused;
    this._go.replaceChildren(icon(playing ? "pause" : "play"));
    this._go.setAttribute("aria-label", playing ? "Pause" : "Play");
    this.dispatchEvent(new CustomEvent("playing", { detail: playing }));
  }

  _time() {
    if (!this.song) return;
    this._seek.value = this.time;
    this._seek.setAttribute("aria-valuetext", `${clock(this.time)} of ${clock(this.duration)}`);
    this._clock.textContent = `${clock(this.time)} / ${clock(this.duration)}`;
    this._draw();
    const moment = momentAt(this.curve, this.time);
    if (moment && moment !== this._moment) {
      this._moment = moment;
      if (this.time > 0) tint(moment.place);
      this.dispatchEvent(new CustomEvent("moment", { detail: moment }));
    }
    this.dispatchEvent(new CustomEvent("time", { detail: this.time }));
  }

  _draw() {
    if (!this.song || $("dock").hidden) return;
    this._go.style.setProperty("--mood", colourOf(this.song));
    drawWave(this._canvas, { peaks: this._peaks, curve: this.curve, duration: this.duration, at: this.time });
  }
}

export const player = new Player();
