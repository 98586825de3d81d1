// The page's state, kept in its address: it can be shared, and the back button works.

const EMPTY = { like: [], unlike: [], kind: "image", v: null, a: null, words: "", meaning: null, from: "", to: "", via: "", steps: 10,
  min: 0, in: "", exclude: "", shuffle: 0, follow: false };
export const STEPS = [4, 30]; // the fewest and the most of a journey
export const MOST_SEEDS = 8;
const listeners = [];
let current = read();

export const state = () => current;
export function mode(of = current) {
  if (of.from && of.to) return "journey";
  if (of.v !== null) return "plane";
  if (of.like.length) return "query";
  return of.words ? "words" : "empty";
}
export const onChange = (listener) => listeners.push(listener);

/** Start a new query: everything that `change` does not name is reset, except the filters. */
export function ask(change) {
  const { min, in: below, exclude } = current;
  go({ ...EMPTY, min, in: below, exclude, ...change });
}

/** Change a part of the query. */
export function adjust(change, { replace = false } = {}) {
  go({ ...current, ...change }, replace);
}

export const addressOf = (of) => `${location.pathname}${write(of)}`;

function go(next, replace = false) {
  const address = addressOf(next);
  if (address !== location.pathname + location.search) history[replace ? "replaceState" : "pushState"](null, "", address);
  const before = current;
  current = next;
  for (const listener of listeners) listener(current, before);
}

addEventListener("popstate", () => {
  const before = current;
  current = read();
  for (const listener of listeners) listener(current, before);
});

function read() {
  const query = new URLSearchParams(location.search);
  const number = (name, low, high, none) => {
    const value = Number.parseFloat(query.get(name));
    return Number.isFinite(value) ? Math.min(high, Math.max(low, value)) : none;
  };
  const point = query.has("v") && query.has("a");
  return {
    like: query.getAll("like").slice(0, MOST_SEEDS),
    unlike: query.getAll("unlike").slice(0, MOST_SEEDS),
    kind: query.get("kind") === "music" ? "music" : "image",
    v: point ? number("v", -1, 1, 0) : null,
    a: point ? number("a", -1, 1, 0) : null,
    words: query.get("words") ?? "",
    meaning: number("meaning", 0, 1, null),
    from: query.get("from") ?? "",
    to: query.get("to") ?? "",
    via: query.get("via") ?? "",
    steps: Math.round(number("steps", ...STEPS, EMPTY.steps)),
    min: number("min", 0, 1, 0),
    in: query.get("in") ?? "",
    exclude: query.get("exclude") ?? "",
    shuffle: number("shuffle", 0, 1e9, 0),
    follow: query.get("follow") === "1",
  };
}

function write(of) {
  const query = new URLSearchParams();
  for (const name of ["like", "unlike"]) for (const id of of[name]) query.append(name, id);
  for (const name of ["from", "to", "via"]) if (of.from && of[name]) query.set(name, of[name]);
  if (of.from && of.steps !== EMPTY.steps) query.set("steps", of.steps);
  if (of.words) query.set("words", of.words);
  if (of.words && of.meaning !== null) query.set("meaning", of.meaning);
  if ((of.like.length || of.words || of.from) && of.kind !== EMPTY.kind) query.set("kind", of.kind);
  if (of.v !== null) {
    query.set("v", of.v.toFixed(2));
    query.set("a", of.a.toFixed(2));
  }
  for (const name of ["min", "in", "exclude", "shuffle"]) if (of[name]) query.set(name, of[name]);
  if (of.follow) query.set("follow", "1");
  const text = query.toString();
  return text ? `?${text}` : "";
}
