// Journeys: a path of songs or pictures from one mood to another, listed in order and drawn on the plane.
import { get } from "./api.js";
import { $, called, say } from "./dom.js";
import { Ends, isPlace } from "./ends.js";
import { tint } from "./mood.js";
import { player } from "./player.js";
import { HELP } from "./score.js";
import { adjust, ask, mode, state } from "./state.js";
import { Trail } from "./trail.js";
import { button, choice } from "./view.js";

const write = ({ valence, arousal }) => `${valence.toFixed(2)},${arousal.toFixed(2)}`;

/** Begin a journey at a file (`id`), or words as `id`, or a place; its end is festive, or calm if it begins lively. */
export function startJourney({ id = null, kind = "music", place }) {
  ask({ from: id ?? write(place), to: place.arousal > 0 ? "calm" : "festive", kind });
}

export class Journey {
  /** `pad` shows the line; `results` (of `Results`) lists the steps. */
  constructor(pad, results) {
    this._results = results;
    this._ends = new Ends((change) => adjust(change));
    this._trail = new Trail(pad, (name, place) => adjust({ [name]: place ? write(place) : "" }));
    player.addEventListener("song", () => this._trail.light(player.song.id));
    player.addEventListener("ended", () => {
      const at = this._results.songs.items.findIndex((song) => song.id === player.song.id);
      if (at >= 0) this._play(at + 1);
    });
  }

  hide() { this._trail.hide(); }

  /** Ask for the journey in the address and show it. */
  async show(now, signal) {
    const pictures = now.kind === "image";
    const list = pictures ? this._results.gallery : this._results.songs;
    if (!this._ends.element.isConnected) $("asked").replaceChildren(this._ends.element); // else a field would lose the focus
    this._ends.show(now);
    const { from, to, via, steps, kind } = now;
    let journey;
    try {
      journey = await this._results.wait(list, 400, get("/journey", { from, to, via, steps, kind, in: now.in, exclude: now.exclude }, signal));
    } catch (error) {
      if (error.code === "bad_request") {
        this._ends.fail(error.message);
        error.message = "Change an end of the journey.";
      }
      throw error;
    }
    this._ends.learn([journey.from, journey.to]);
    this._ends.show(now);
    const title = `From ${nameEnd(journey.from, from)} to ${nameEnd(journey.to, to)}`;
    this._announce(title, journey);
    const tools = [choice("Journey of", { image: "Pictures", music: "Songs" }, kind, (chosen) => adjust({ kind: chosen })),
      pictures ? button("Slideshow", "show", () => this._results.slideshow(), { id: "tool-show" })
        : button("Play in order", "play", () => this._play(0), { id: "tool-play" })];
    this._results.list(title, evenness(journey), tools, { notes: journey.notes, help: HELP.journey }, list, journey.steps);
  }

  _announce(title, journey) {
    document.title = `${title} – Attune`;
    tint(journey.from.place);
    this._trail.show(journey, player.song?.id ?? null);
    say([`${title}: ${journey.steps.length} steps`, ...journey.notes].join(". "));
  }

  /** Play the first song from a position of the list on that is there now. */
  _play(position) {
    if (mode() !== "journey" || state().kind !== "music") return;
    const song = this._results.songs.items.slice(position).find((item) => !item.missing);
    if (song) player.load(song, { play: true });
  }
}

/** Return the name of an end: of its file, or of its mood, or the words that were written for it. */
function nameEnd(end, text) {
  if (end.id !== null) return called(end);
  return text === end.mood || isPlace(text) ? end.mood : `‘${text}’`;
}

/** Say how even the steps are. */
function evenness({ steps, mean_step: mean, largest_step: largest }) {
  const files = `${steps.length} ${steps[0]?.kind === "image" ? "pictures" : "songs"}`;
  return mean === null ? files : `${files}; from one to the next ${mean.toFixed(2)} on average, ${largest.toFixed(2)} at most`;
}
