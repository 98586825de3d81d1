// Search field: files by their names, and feelings in words. A combobox in the sense of ARIA.
import { get } from "./api.js";
import { $, called, debounce, h, icon, say } from "./dom.js";
import { colour } from "./mood.js";
import { face } from "./rail.js";

const NAMES = 4; // of each kind, so that the feelings stay in sight
const PAUSE_MS = 140;
const KINDS = { image: "Pictures", music: "Songs" };

/** Call `chosen(item)` when the user picks a file, `felt(words, kind)` when he picks a feeling. */
export function finder(chosen, felt) {
  const [box, list] = [$("q"), $("hits")];
  let hits = [];
  let active = -1;
  let looking = { text: "", done: Promise.resolve() };

  const show = (open) => {
    list.hidden = !open;
    box.setAttribute("aria-expanded", String(open));
    if (!open) box.removeAttribute("aria-activedescendant");
  };
  const point = (place) => {
    active = place;
    for (const [index, row] of [...list.children].entries()) row.setAttribute("aria-selected", String(index === place));
    if (place < 0) box.removeAttribute("aria-activedescendant");
    else {
      box.setAttribute("aria-activedescendant", `hit-${place}`);
      list.children[place].scrollIntoView({ block: "nearest" });
    }
  };
  const pick = (hit) => {
    show(false);
    box.value = "";
    looking = { text: "", done: Promise.resolve() };
    hit.pick();
  };
  const offer = (found, problem, complete) => {
    const kept = hits[active]?.key;
    hits = found;
    list.replaceChildren(...hits.map((hit, place) => h("li", { role: "option", id: `hit-${place}`, "aria-selected": "false", onclick: () => pick(hit) },
      hit.face(), h("span", { class: "what" }, hit.text, hit.more ? h("small", {}, hit.more) : null), h("em", { class: "sort" }, hit.sort))));
    if (!hits.length && complete) list.append(h("li", { class: "none", role: "option", "aria-disabled": "true" }, problem ?? "Nothing found"));
    point(hits.findIndex((hit) => hit.key === kept));
    if (complete) say(hits.length ? `${hits.length} found` : problem ?? "Nothing found");
    show(hits.length > 0 || complete);
  };
  const look = (text) => {
    const mine = { text };
    looking = mine;
    mine.done = (async () => {
      if (!text) {
        show(false);
        return;
      }
      const names = findNames(text, chosen);
      const feelings = findFeelings(text, felt);
      for (const one of [names, feelings]) one.catch(() => {}); // a failure is told when both are known
      const named = await names.catch(() => []);
      if (looking !== mine) return;
      if (named.length) offer(named, null, false);
      const [, told] = await Promise.allSettled([names, feelings]);
      if (looking === mine) offer([...named, ...(told.value ?? [])], told.reason?.message, true);
    })();
    return mine.done;
  };

  const lookLater = debounce(PAUSE_MS, () => { if (box.value.trim() !== looking.text) look(box.value.trim()); });
  box.addEventListener("input", lookLater);
  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape") show(false);
    if (list.hidden || !hits.length) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      point((active + (event.key === "ArrowDown" ? 1 : -1) + hits.length) % hits.length);
    }
  });
  $("find").addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = box.value.trim();
    if (!text) return;
    await (text === looking.text ? looking.done : look(text));
    if (looking.text === text && hits.length) pick(hits[Math.max(0, active)]);
  });
  addEventListener("pointerdown", (event) => {
    if (!event.target.closest("#find")) show(false);
  });
}

async function findNames(text, chosen) {
  const [songs, pictures] = await Promise.all(["music", "image"].map((kind) => get("/items", { kind, q: text, limit: NAMES })));
  return [...songs.items, ...pictures.items].map((item) => ({
    key: item.id, sort: "Name", text: `${called(item)}${item.artist ? ` · ${item.artist}` : ""}`, face: () => face(item), pick: () => chosen(item) }));
}

/** Return a hit for pictures and one for songs, if the words say something that either can have. */
async function findFeelings(text, felt) {
  const { place, mood, named } = await get("/words", { text });
  const kinds = Object.entries(KINDS).filter(([kind]) => place || named[kind].length);
  if (!kinds.length) throw new Error("No file has such a name, and the words name neither a feeling nor a thing");
  return kinds.map(([kind, word]) => {
    const more = [mood, named[kind].length && `${kind === "image" ? "shows" : "sounds"}: ${named[kind].slice(0, 3).join(", ")}`].filter(Boolean).join(" · ");
    return { key: `feeling ${kind}`, sort: "Feeling", text: `${word} ${place ? "that feel like" : "of"} ‘${text}’`, more,
      face: () => h("span", { class: "tile", "--mood": place && colour(place.valence, place.arousal) }, icon(kind === "image" ? "picture" : "note")),
      pick: () => felt(text, kind) };
  });
}
