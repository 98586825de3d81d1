// Query items: seeds and counter-seeds, each with its emotion.
import { $, called, clock, h, icon, percent } from "./dom.js";
import { colour, colourOf } from "./mood.js";
import { player } from "./player.js";
import { curveInWords, drawCurve } from "./wave.js";

let curve = null;

/** Show seeds (`like`, `unlike`: items of `/mood`) and the words that narrow the search; `drop(id)` removes one, `drop(null)` the words. */
export function showSeeds(like, unlike, words, drop) {
  curve = null;
  $("asked").replaceChildren(...like.map((item, place) => seed(item, place === 0 && like.length === 1, false, drop)),
    ...unlike.map((item) => seed(item, false, true, drop)), ...(words ? [card({}, [h("span", { class: "sign" }, "in words"), h("b", { title: words }, words)], () => drop(null))] : []));
  drawSeedCurve();
}

/** Show a point of the emotion plane as the query. */
export function showPoint({ valence, arousal }, mood) {
  curve = null;
  $("asked").replaceChildren(card({ "--mood": colour(valence, arousal) },
    [h("b", {}, `Feels ${mood}`), h("span", {}, `pleasant ${signed(valence)}, lively ${signed(arousal)}`)]));
}

/** Show words as the query; `place` and `mood` are null if they say nothing of a mood, `named` are the things that they name. */
export function showWords(words, { place, mood, named }) {
  curve = null;
  $("asked").replaceChildren(card({ "--mood": place && colour(place.valence, place.arousal) },
    [h("b", { class: "whole" }, `‘${words}’`), place && h("span", { title: `pleasant ${signed(place.valence)}, lively ${signed(place.arousal)}` },
      `feels ${mood}: ${signed(place.valence)} / ${signed(place.arousal)}`), named.length ? h("span", { class: "whole" }, `names: ${named.join(", ")}`) : null]));
}

/** Return a card with a tile and lines of text; `drop()` removes what it stands for. */
const card = (tile, lines, drop = null) => h("div", { class: "card seed" }, h("div", { class: "head" },
  h("span", { class: "tile", ...tile }, icon("feel")), h("div", { class: "names" }, lines),
  drop && h("button", { type: "button", class: "round", "aria-label": "Remove the words", title: "Remove", onclick: drop }, icon("close"))));

/** Redraw the curve after the song has moved on, or the page has another width or theme. */
export function drawSeedCurve() {
  if (!curve) return;
  const here = player.song?.id === curve.item.id;
  drawCurve(curve.canvas, { curve: curve.item.curve, duration: curve.item.duration_s, at: here ? player.time : 0 });
}

/** Create the thumbnail of a picture, or the note that stands for a song. */
export function face(item) {
  if (item.thumbnail && !item.missing) return h("img", { src: item.thumbnail, alt: "" });
  if (item.thumbnail) return h("span", { class: "tile", title: "not there now" }, icon("broken"));
  return h("span", { class: "tile", "--mood": colourOf(item) }, icon("note"));
}

/** Say the estimated valence and arousal of a file. */
export const told = ({ valence, arousal }) => `valence ${signed(valence)}, arousal ${signed(arousal)}`;

const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;

function seed(item, big, less, drop) {
  const name = called(item);
  const about = [...(item.kind === "music" ? [item.artist, clock(item.duration_s)] : [item.width && `${item.width} × ${item.height}`]), item.missing && "not there now"];
  const head = h("div", { class: "head" }, big && item.kind === "image" && !item.missing ? null : face(item),
    h("div", { class: "names" }, less ? h("span", { class: "sign" }, "less like") : null,
      h("b", { title: item.path }, name), less ? null : h("span", {}, about.filter(Boolean).join(" · "))),
    h("button", { type: "button", class: "round", "aria-label": `Remove ${name}`, title: "Remove", onclick: () => drop(item.id) }, icon("close")));
  const card = h("div", { class: `card seed${less ? " less" : ""}${big ? " big" : ""}` });
  if (big && item.kind === "image" && !item.missing) card.append(h("img", { src: item.thumbnail, alt: `The picture of this query: ${name}` }));
  card.append(head);
  if (!less) card.append(h("div", { class: "feel" }, h("i", { class: "dot", "--mood": colourOf(item) }), `Feels ${item.mood}`,
    h("em", { title: told(item) }, `${signed(item.valence)} / ${signed(item.arousal)}`)));
  if (big && item.curve?.length > 1) {
    const canvas = h("canvas", { class: "curve", role: "img", "aria-label": curveInWords(item) });
    card.append(canvas, h("div", { class: "legend" }, h("span", {}, h("i"), "pleasant"), h("span", {}, h("i", { class: "lively" }), "lively")));
    curve = { canvas, item };
  } else if (big && item.polarity) {
    card.append(h("p", { class: "legend" }, `Most likely ${mostLikely(item.polarity)}`));
  }
  return card;
}

function mostLikely(polarity) {
  const [name, share] = Object.entries(polarity).sort((a, b) => b[1] - a[1])[0];
  return `${name} (${percent(share)})`;
}
