// The searches of the page: with files, with a point of the emotion plane, with words.
import { get } from "./api.js";
import { called, h } from "./dom.js";
import { player } from "./player.js";
import { showPoint, showSeeds, showWords } from "./rail.js";
import { HELP, markKind } from "./score.js";
import { adjust, ask, state } from "./state.js";
import { choice, layOut } from "./view.js";

export const PAGE = 48;

/** Functions that show the results of each mode of the page: `(results, now, signal)`. */
export const SEARCHES = { query: showQuery, plane: showPlane, words: showWordsQuery };

export const search = async (...request) => markKind(await get(...request));

/** Return the parameters that all searches have. */
export const parameters = (now) =>
  ({ words: now.words, meaning: now.words ? now.meaning : null, min_score: now.min || null, in: now.in, exclude: now.exclude });

async function showQuery(results, now, signal) {
  const pictures = now.kind === "image";
  const list = pictures ? results.gallery : results.songs;
  const find = (offset) => search(pictures ? "/images" : "/music", { ...parameters(now), like: now.like, unlike: now.unlike, limit: PAGE, offset }, signal);
  const [moods, answer] = await results.wait(list, 150, Promise.all([get("/mood", { like: [...now.like, ...now.unlike] }, signal), find(0)]));
  const seeds = moods.files.slice(0, now.like.length);
  const first = seeds[0];
  showSeeds(seeds, moods.files.slice(now.like.length), now.words, dropSeed);
  const names = seeds.map(called).join(", ");
  const title = `${pictures ? "Pictures" : "Songs"} that feel like ${names}${now.words ? `, in words: ${now.words}` : ""}`;
  const song = seeds.find((item) => item.kind === "music");
  if (song && player.song?.id !== song.id && player.paused) player.load(song);
  results.announce(title, answer, first.place);
  const box = layOut(title, describeLibrary(answer), [
    choice("Look for", { image: "Pictures", music: "Songs" }, now.kind, (kind) => adjust({ kind, follow: false })), ...results.tools(now, first)],
  { notes: answer.notes, help: now.words ? HELP.both : (seeds.some((item) => item.kind === now.kind) ? HELP.same : HELP.query) });
  results.fill(box, list, answer, now, find);
}

async function showPlane(results, now, signal) {
  const find = (kind, limit, offset) => search("/browse", { ...parameters(now), valence: now.v, arousal: now.a, kind, limit, offset }, signal);
  const [songs, answer] = await results.wait(results.gallery, 250, Promise.all([find("music", 5, 0), find("image", PAGE, 0)]));
  const [{ mood, place }] = answer.query;
  showPoint(place, mood);
  const title = `What feels ${mood}`;
  results.announce(title, answer, place);
  const box = layOut(title, "Nearest on the emotion plane", results.tools(now, { place }),
    { notes: [...new Set([...answer.notes, ...songs.notes])], help: HELP.plane });
  const pictures = h("div");
  results.songs.replace(songs.results);
  if (songs.results.length) box.append(h("h2", {}, "Songs"), results.songs.element, h("h2", {}, "Pictures"));
  box.append(pictures);
  results.fill(pictures, results.gallery, answer, now, (offset) => find("image", PAGE, offset));
}

async function showWordsQuery(results, now, signal) {
  const pictures = now.kind === "image";
  const list = pictures ? results.gallery : results.songs;
  const find = (offset) => search("/browse", { ...parameters(now), kind: now.kind, limit: PAGE, offset }, signal);
  const answer = await results.wait(list, 150, find(0));
  const [{ place, ...said }] = answer.words;
  showWords(now.words, { place, ...said });
  const title = `${pictures ? "Pictures" : "Songs"} ${place ? "that feel like" : "of"} ‘${now.words}’`;
  results.announce(title, answer, place);
  const box = layOut(title, describeLibrary(answer), [
    choice("Look for", { image: "Pictures", music: "Songs" }, now.kind, (kind) => adjust({ kind })), ...results.tools(now, { id: now.words, place, kind: now.kind })],
  { notes: answer.notes, help: HELP.words });
  results.fill(box, list, answer, now, find);
}

/** Remove a file from the query, or its words if `id` is null. */
function dropSeed(id) {
  const { like, unlike } = state();
  const rest = like.filter((one) => one !== id);
  if (id === null) adjust({ words: "", meaning: null });
  else if (rest.length) adjust({ like: rest, unlike: unlike.filter((one) => one !== id) });
  else ask({});
}

function describeLibrary({ library: { images, music }, elapsed_ms: elapsed }) {
  return `Among ${images.toLocaleString("en")} pictures and ${music.toLocaleString("en")} songs, in ${Math.round(elapsed)} ms`;
}
