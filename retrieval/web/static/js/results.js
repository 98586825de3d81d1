// The results: shows what the address asks for in the gallery and the song list, and follows the music.
import { $, h, say } from "./dom.js";
import { Journey } from "./journey.js";
import { tint } from "./mood.js";
import { player } from "./player.js";
import { PAGE, parameters, search, SEARCHES } from "./searches.js";
import { adjust, ask, mode, state } from "./state.js";
import { button, explainError, layOut, showNotes, showState } from "./view.js";

const MOST = 960; // pictures in one gallery; more would make the page slow
const FOLLOWED = 30;
const TRANSIENT = new Set(["offline", "busy", "no_library", "failed"]); // error codes that may be gone at the next try

export class Results {
  /** `parts`: gallery, songs, pads (both), slideshow() and journeyFrom(item). */
  constructor(parts) {
    Object.assign(this, parts);
    this.journey = new Journey(this.pads.at(-1), this);
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
    if (mode(now) !== "journey") this.journey.hide();
    if (mode(now) === "empty") {
      for (const pad of this.pads) pad.mark(null);
      document.title = "Attune";
      return;
    }
    try {
      await (mode(now) === "journey" ? this.journey.show(now, signal) : SEARCHES[mode(now)](this, now, signal));
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
    if (mode() !== "journey") $("asked").replaceChildren(); // the ends of a journey can be mended
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
      const answer = await search("/images", { ...parameters(now), like: now.like, unlike: now.unlike, from: moment.start_s, to: moment.end_s, limit: FOLLOWED });
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

  /** Return what a request gives; if it takes longer than `patience`, show placeholders in a list until then. */
  async wait(list, patience, request) {
    const waiting = setTimeout(() => this._wait(list, "Searching …"), patience);
    try {
      return await request;
    } finally {
      clearTimeout(waiting);
    }
  }

  /** Show a list that does not grow, under a heading. */
  list(title, small, tools, about, list, items) {
    const box = layOut(title, small, tools, about);
    list.replace(items);
    box.append(list.element);
  }

  /** Return the buttons above results; `origin` is where a journey begins: `{id, kind, place}`. */
  tools(now, origin) {
    const tools = [button("Shuffle", "shuffle", () => adjust({ shuffle: Math.floor(Math.random() * 1e6) + 1 }), { "aria-pressed": String(now.shuffle > 0) })];
    if (now.shuffle) tools.push(button("Best first", null, () => adjust({ shuffle: 0 })));
    if (now.kind === "image") tools.push(button("Slideshow", "show", () => this.slideshow(), { id: "tool-show" }));
    if (origin.place) tools.push(button("Journey", "journey", () => this.journeyFrom(origin), { id: "tool-journey", title: "A journey from here to another mood" }));
    return tools;
  }

  _wait(list, title) {
    const box = layOut(title, "", []);
    list.wait();
    box.append(list.element);
    $("results").setAttribute("aria-busy", "true");
  }

  /** Show an answer in a list; `next(offset)` gets more of it when the end of the page is near. */
  fill(box, list, answer, now, next) {
    if (!answer.results.length) {
      const nothing = answer.library.images + answer.library.music === 0;
      showState(box, { image: "search", title: nothing ? "The library is empty" : "No results",
        text: nothing ? "Add folders of pictures and music:" : "No file in the library is near enough and passes the filters.",
        code: nothing ? "attune build-index FOLDER" : null,
        buttons: [button("Remove the filters", null, () => adjust({ min: 0, in: "", exclude: "", ...(now.like.length ? { words: "" } : {}) }))] });
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

  /** Name the page after its results and show their places. `place`: that of the query, or null. */
  announce(title, answer, place) {
    document.title = `${title} – Attune`;
    if (place) tint(place);
    for (const pad of this.pads) {
      pad.mark(place);
      pad.dots(answer.results);
    }
    say([`${title}: ${answer.results.length} shown`, ...answer.notes].join(". "));
  }

}

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
