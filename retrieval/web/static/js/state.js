// The page's state, kept in its address: it can be shared, and the back button works.

const EMPTY = { like: [], unlike: [], kind: "image", v: null, a: null, min: 0, in: "", exclude: "", shuffle: 0, follow: false };
export const MOST_SEEDS = 8;
const listeners = [];
let current = read();

export const state = () => current;
export const mode = (of = current) => (of.v !== null ? "plane" : of.like.length ? "query" : "empty");
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
  if (of.like.length && of.kind !== "image") query.set("kind", of.kind);
  if (of.v !== null) {
    query.set("v", of.v.toFixed(2));
    query.set("a", of.a.toFixed(2));
  }
  for (const name of ["min", "in", "exclude", "shuffle"]) if (of[name]) query.set(name, of[name]);
  if (of.follow) query.set("follow", "1");
  const text = query.toString();
  return text ? `?${text}` : "";
}
