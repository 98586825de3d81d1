// Search results: sends the query, fills the gallery and the song list, and follows the music.
import { get } from "./api.js";
import { $, called, h, say } from "./dom.js";
import { tint } from "./mood.js";
import { player } from "./player.js";
import { showPoint, showSeeds } from "./rail.js";
import { HELP, markKind } from "./score.js";
import { adjust, ask, mode, state } from "./state.js";
import { button, choice, explainError, layOut, showNotes, showState } from "./view.js";

const PAGE = 48;
const MOST = 960; // pictures in one gallery; more would make the page slow
const FOLLOWED = 30;
const TRANSIENT = new Set(["offline", "busy", "no_library", "failed"]); // error codes that may be gone at the next try

export class Results {
  /** `parts`: gallery, songs, pads (both) and slideshow(). */
  constructor(parts) {
    Object.assign(this, parts);
    this._request = null;
    this._more = new IntersectionObserver((seen) => { if (seen.some((one) => one.isIntersecting)) this._grow(); }, { rootMargin: "900px" });
  }

  /** Show the results of the query in the address. */
  async show() {
    const now = state();
    this._request?.abort();
    this._request = new AbortController();
    const { signal } = this._request;
    document.body.dataset.mode = mode(now);
    $("welcome").hidden = mode(now) !== "empty";
    $("work").hidden = mode(now) === "empty";
    this._more.disconnect();
    if (mode(now) === "empty") {
      for (const pad of this.pads) pad.mark(null);
      document.title = "Attune";
      return;
    }
    try {
      await (mode(now) === "plane" ? this._plane(now, signal) : this._query(now, signal));
    } catch (error) {
      if (error.name !== "AbortError") this.fail(error);
    }
  }

  /** Show an error in place of the results. */
  fail(error) {
    $("welcome").hidden = true;
    $("work").hidden = false;
    const { title, ...rest } = explainError(error);
    const box = layOut("", "", []);
    $("heading").className = "unseen";
    $("heading").textContent = title;
    const again = TRANSIENT.has(error.code) ? button("Try again", null, () => this.show(), { class: "plain strong" }) : null;
    const startOver = button("Start over", null, () => ask({}), { class: again ? "plain" : "plain strong" });
    $("asked").replaceChildren();
    showState(box, { title, ...rest, buttons: [again, startOver].filter(Boolean) });
    say(`${title}. ${rest.text}`);
  }

  /** Show that files are being analysed. */
  reading(files) {
    $("welcome").hidden = true;
    $("work").hidden = false;
    $("asked").replaceChildren(h("div", { class: "card seed skeleton" }, h("div", { class: "head" }, h("span", { class: "tile" }), h("div", { class: "names" }, h("b", {}, files.map((file) => file.name).join(", ")), h("span", {}, "being analysed")))));
    const box = layOut("Analysing …", "The file is read by a separate process, then deleted", []);
    this.gallery.wait();
    box.replaceChildren(this.gallery.element);
    $("results").setAttribute("aria-busy", "true");
    say("The file is being analysed");
  }

  /** Search with the playing moment and show the results in the gallery. */
  async follow(moment) {
    const now = state();
    if (!now.follow || mode(now) !== "query" || now.kind !== "image" || !now.like.includes(player.song?.id)) return;
    if (this._followed !== undefined && Math.abs(moment.start_s - this._followed) < 5.5) return;
    this._followed = moment.start_s;
    try {
      const answer = await search("/images", { ...this._parameters(now), from: moment.start_s, to: moment.end_s, limit: FOLLOWED });
      if (state() !== now) return;
      this._more.disconnect();
      this.gallery.replace(answer.results);
      $("small").textContent = `Following the music: ${answer.query[0].mood} at this moment`;
      showNotes(answer.notes);
      for (const pad of this.pads) {
        pad.mark(moment.place);
        pad.dots(answer.results);
      }
    } catch {
      this._followed = undefined; // so that the next moment is searched with
    }
  }

  /** Stop following: the next search uses the whole song. */
  unfollow() {
    this._followed = undefined;
  }

  _parameters(now) {
    return { like: now.like, unlike: now.unlike, min_score: now.min || null, in: now.in, exclude: now.exclude };
  }

  async _query(now, signal) {
    const pictures = now.kind === "image";
    const list = pictures ? this.gallery : this.songs;
    const waiting = setTimeout(() => this._wait(list, "Searching …"), 150);
    let moods;
    let answer;
    try {
      [moods, answer] = await Promise.all([
        get("/mood", { like: [...now.like, ...now.unlike] }, signal),
        search(pictures ? "/images" : "/music", { ...this._parameters(now), limit: PAGE }, signal),
      ]);
    } finally {
      clearTimeout(waiting);
    }
    const seeds = moods.files.slice(0, now.like.length);
    const first = seeds[0];
    showSeeds(seeds, moods.files.slice(now.like.length), (id) => this._drop(id));
    const names = seeds.map(called).join(", ");
    const title = pictures ? `Pictures that feel like ${names}` : `Songs that feel like ${names}`;
    const song = seeds.find((item) => item.kind === "music");
    if (song && player.song?.id !== song.id && player.paused) player.load(song);
    this._announce(title, answer, first.place);
    const box = layOut(title, this._small(answer), [
      choice("Look for", { image: "Pictures", music: "Songs" }, now.kind, (kind) => adjust({ kind, follow: false })), ...this._tools(now)],
    { notes: answer.notes, help: seeds.some((item) => item.kind === now.kind) ? HELP.same : HELP.query });
    this._fill(box, list, answer, now, (offset) => search(pictures ? "/images" : "/music", { ...this._parameters(now), limit: PAGE, offset }, signal));
  }

  async _plane(now, signal) {
    const parameters = { valence: now.v, arousal: now.a, min_score: now.min || null, in: now.in, exclude: now.exclude };
    const waiting = setTimeout(() => this._wait(this.gallery, "Searching …"), 250);
    let songs;
    let answer;
    try {
      [songs, answer] = await Promise.all([
        search("/browse", { ...parameters, kind: "music", limit: 5 }, signal), search("/browse", { ...parameters, kind: "image", limit: PAGE }, signal)]);
    } finally {
      clearTimeout(waiting);
    }
    const [{ mood, place }] = answer.query;
    showPoint(place, mood);
    const title = `What feels ${mood}`;
    this._announce(title, answer, place);
    const box = layOut(title, "Nearest on the emotion plane", this._tools(now),
      { notes: [...new Set([...answer.notes, ...songs.notes])], help: HELP.plane });
    const pictures = h("div");
    this.songs.replace(songs.results);
    if (songs.results.length) box.append(h("h2", {}, "Songs"), this.songs.element, h("h2", {}, "Pictures"));
    box.append(pictures);
    this._fill(pictures, this.gallery, answer, now, (offset) => search("/browse", { ...parameters, kind: "image", limit: PAGE, offset }, signal));
  }

  _tools(now) {
    const tools = [button("Shuffle", "shuffle", () => adjust({ shuffle: Math.floor(Math.random() * 1e6) + 1 }), { "aria-pressed": String(now.shuffle > 0) })];
    if (now.shuffle) tools.push(button("Best first", null, () => adjust({ shuffle: 0 })));
    if (now.kind === "image") tools.push(button("Slideshow", "show", () => this.slideshow(), { id: "tool-show" }));
    return tools;
  }

  _wait(list, title) {
    const box = layOut(title, "", []);
    list.wait();
    box.append(list.element);
    $("results").setAttribute("aria-busy", "true");
  }

  _fill(box, list, answer, now, next) {
    if (!answer.results.length) {
      const nothing = answer.library.images + answer.library.music === 0;
      showState(box, { image: "search", title: nothing ? "The library is empty" : "No results",
        text: nothing ? "Add folders of pictures and music:" : "No file in the library is near enough and passes the filters.",
        code: nothing ? "attune build-index FOLDER" : null,
        buttons: [button("Remove the filters", null, () => adjust({ min: 0, in: "", exclude: "" }))] });
      return;
    }
    list.replace(shuffle(answer.results, now.shuffle));
    const end = h("div", { "aria-hidden": "true" });
    box.append(list.element, end);
    this._next = { list, end, next, now, done: answer.results.length < PAGE };
    this._more.observe(end);
  }

  async _grow() {
    const growing = this._next;
    if (!growing || growing.done || growing.busy || growing.list.items.length >= MOST) return;
    growing.busy = true;
    try {
      const answer = await growing.next(growing.list.items.length);
      if (this._next !== growing || state() !== growing.now) return;
      growing.done = answer.results.length < PAGE;
      growing.list.append(shuffle(answer.results, growing.now.shuffle));
      this._more.unobserve(growing.end); // observe anew: the observer reports only changes, and the end may still be visible
      this._more.observe(growing.end);
    } catch {
      growing.done = true;
    } finally {
      growing.busy = false;
    }
  }

  _drop(id) {
    const { like, unlike } = state();
    const rest = like.filter((one) => one !== id);
    if (rest.length) adjust({ like: rest, unlike: unlike.filter((one) => one !== id) });
    else ask({});
  }

  _announce(title, answer, place) {
    document.title = `${title} – Attune`;
    tint(place);
    for (const pad of this.pads) {
      pad.mark(place);
      pad.dots(answer.results);
    }
    say([`${title}: ${answer.results.length} shown`, ...answer.notes].join(". "));
  }

  _small(answer) {
    const { images, music } = answer.library;
    return `Among ${images.toLocaleString("en")} pictures and ${music.toLocaleString("en")} songs, in ${Math.round(answer.elapsed_ms)} ms`;
  }
}

const search = async (...request) => markKind(await get(...request));

/** Shuffle items by a seed; 0 keeps their order. */
function shuffle(items, seed) {
  if (!seed) return items;
  let randomState = seed;
  const random = () => {
    randomState = (Math.imul(randomState, 1664525) + 1013904223) >>> 0;
    return randomState / 2 ** 32;
  };
  return items.map((item) => [random(), item]).sort((a, b) => a[0] - b[0]).map(([, item]) => item);
}
