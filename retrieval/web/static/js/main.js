// Entry point: connects the parts of the page.
import { get, trouble, watch } from "./api.js";
import { $, debounce, say } from "./dom.js";
import { takeFiles } from "./drop.js";
import { connectFilters, fillFilters } from "./filters.js";
import { finder } from "./finder.js";
import { Gallery } from "./gallery.js";
import { gate } from "./gate.js";
import { startJourney } from "./journey.js";
import { Pad } from "./pad.js";
import { PictureView } from "./picture.js";
import { player } from "./player.js";
import { drawSeedCurve } from "./rail.js";
import { Results } from "./results.js";
import { Slideshow } from "./slideshow.js";
import { Songs } from "./songs.js";
import { adjust, ask, MOST_SEEDS, mode, onChange, state } from "./state.js";

let limits = null;

const other = (kind) => (kind === "music" ? "image" : "music");
const without = (ids, item) => ids.filter((id) => id !== item.id);
const withAlso = (ids, item) => [...without(ids, item), item.id].slice(-MOST_SEEDS);
const more = (item) => {
  const { like, unlike } = state();
  if (mode() === "query") adjust({ like: withAlso(like, item), unlike: without(unlike, item), follow: false });
  else ask({ like: [item.id], kind: item.kind });
};
const less = (item) => {
  const now = state();
  if (mode() === "query") adjust({ unlike: withAlso(now.unlike, item) });
  else point(away(now.v, item.place.valence), away(now.a, item.place.arousal));
};
const searchWith = (item) => ask({ like: [item.id], kind: other(item.kind) });
const point = (v, a) => {
  if (mode() === "plane") adjust({ v, a }, { replace: true });
  else ask({ v, a });
};

/** Move a coordinate away from another one, by their distance. */
const away = (value, avoided) => Math.max(-1, Math.min(1, 2 * value - avoided));

/** Return what can be done with a result, as [label, icon, call]: from a journey, another one can begin or end there. */
const acts = (item) => (mode() === "journey"
  ? [["Begin here", "start", () => adjust({ from: item.id })], ["End here", "end", () => adjust({ to: item.id })]]
  : [["More like this", "more", () => more(item)], ["Less like this", "less", () => less(item)]]);
const itsSongs = (item) => ["Its songs", "note", () => searchWith(item)];
const itsPictures = (item) => ["Its pictures", "picture", () => searchWith(item)];
const journey = (item) => (mode() === "journey" ? [] : [["Journey from here", "journey", () => startJourney(item)]]);

const picture = new PictureView((item) => [itsSongs(item), ...acts(item), ...journey(item)]);
const gallery = new Gallery({ open: (item, items) => picture.open(item, items), row: acts });
const songs = new Songs({
  play: (song) => (player.song?.id === song.id ? player.toggle() : player.load(song, { start: song.moment?.start_s ?? 0, play: true })),
  row: (song) => [itsPictures(song), ...acts(song), ...journey(song)],
});
const pads = [new Pad($("pad-welcome"), point), new Pad($("pad-rail"), point)];
const slideshow = new Slideshow(() => gallery.items, () => mode() === "journey");
const results = new Results({ gallery, songs, pads, slideshow: () => slideshow.start(), journeyFrom: startJourney });

player.addEventListener("moment", ({ detail }) => results.follow(detail));
player.addEventListener("time", drawSeedCurve);
player.addEventListener("follow", async () => {
  const now = state();
  const follow = !now.follow;
  if (follow && !(mode() === "query" && now.kind === "image" && now.like.includes(player.song.id))) {
    ask({ like: [player.song.id], kind: "image", follow: true });
  } else adjust({ follow }, { replace: true });
  say(follow ? "The gallery follows the music" : "The gallery no longer follows the music");
});
player.addEventListener("slideshow", async () => {
  if (!gallery.items.length || !state().like.includes(player.song.id)) {
    ask({ like: [player.song.id], kind: "image", follow: true });
    await shown;
  }
  slideshow.start();
});
for (const name of ["resize", "theme"]) addEventListener(name, drawSeedCurve);

let shown = Promise.resolve();

onChange((now, before) => {
  player.setFollowing(now.follow);
  fillFilters(now);
  const followOnly = JSON.stringify({ ...now, follow: 0 }) === JSON.stringify({ ...before, follow: 0 });
  results.unfollow();
  if (followOnly && now.follow && player.moment) results.follow(player.moment);
  else {
    shown = results.show().then(() => {
      if (now.follow && player.moment && !player.paused) results.follow(player.moment);
    });
    if (!followOnly && !(["plane", "journey"].includes(mode(now)) && mode(now) === mode(before))) scrollTo({ top: 0 });
  }
});

takeFiles({
  limits: () => limits,
  begin: (files) => results.reading(files),
  failed: (error) => results.fail(error),
  done: (items) => {
    const kind = other(items[0].kind);
    player.pause();
    ask({ like: items.map((item) => item.id), kind });
  },
});

finder(searchWith, (words, kind) => ask({ words, kind }));
connectFilters();
gate();

$("home").addEventListener("click", (event) => {
  event.preventDefault();
  ask({});
});
$("travel").addEventListener("click", () => ask({ from: "calm", to: "festive", kind: "music" }));
$("surprise").addEventListener("click", async () => {
  try {
    const { items } = await get("/items", { kind: "music", shuffle: Math.floor(Math.random() * 1e9), limit: 1 });
    const { items: pictures } = items.length ? { items: [] } : await get("/items", { kind: "image", shuffle: 1, limit: 1 });
    const [item] = [...items, ...pictures];
    if (item) searchWith(item);
  } catch (error) {
    results.fail(error);
  }
});

trouble.addEventListener("offline", () => {
  $("banner").textContent = "Attune does not answer. The page tries again by itself.";
  $("banner").hidden = false;
});
trouble.addEventListener("online", () => {
  $("banner").hidden = true;
  if ($("results").querySelector(".state")) shown = results.show();
});

function tellUnreachable(roots) {
  return roots.length ? ` Cannot be reached now: ${roots.join(", ")}.` : "";
}

async function status() {
  const now = await get("/status");
  limits = now.limits;
  for (const pad of pads) pad.name(now.moods);
  const [images, music] = [now.images, now.music].map((count) => count.toLocaleString("en"));
  $("counts").textContent = now.generation
    ? `${images} pictures and ${music} songs in your library.${tellUnreachable(now.unreachable)}`
    : `${now.problem} This page updates by itself.`;
  $("moods").replaceChildren(...Object.keys(now.moods).map((name) => new Option(name)));
  $("roots").replaceChildren(...now.roots.map((root) => new Option(root)));
}

// Shortcuts that media players have; not while the user types or presses a button.
addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.target.closest("input, dialog")) {
    event.preventDefault();
    $("q").focus();
  }
  if (event.key === " " && player.song && !event.target.closest("input, button, a, summary, dialog")) {
    event.preventDefault();
    player.toggle();
  }
});

fillFilters(state());
player.setFollowing(state().follow);
status().catch(() => {});
shown = results.show();
watch(debounce(200, () => {
  status().catch(() => {});
  if (!player.following && !slideshow.open) shown = results.show();
  say("The library has changed");
}));
