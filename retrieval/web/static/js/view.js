// The results' side of the page: heading, tools, pictures and songs, or why there are none.
import { $, h, icon } from "./dom.js";

/** Lay out heading and tools; return the box for what follows. */
export function layOut(title, small, tools) {
  const box = h("div", { class: "body" });
  $("results").setAttribute("aria-busy", "false");
  $("results").replaceChildren(h("header", {}, h("h1", { id: "heading" }, title, h("small", { id: "small" }, small)), h("div", { class: "tools" }, tools)), box);
  return box;
}

/** Show in words why there is nothing to see. */
export function showState(box, { image, title, text, code = null, buttons = [] }) {
  box.replaceChildren(h("div", { class: "state" }, icon(image), h("h2", {}, title), h("p", {}, text),
    code ? h("p", {}, h("code", {}, code)) : null, h("div", { class: "row" }, buttons)));
}

/** What to say of an error. */
export function explained(error) {
  const known = {
    offline: ["cloud", "Attune does not answer", "The page tries again by itself. Is `attune serve` still running?"],
    no_library: ["picture", "No library yet", error.message],
    forgotten: ["search", "This file was forgotten", "Files that are dropped here are read once and never kept. Drop it again to go on."],
    unknown_item: ["search", "Not in the library any more", error.message],
    too_large: ["broken", "Too large", error.message],
    unusable_file: ["broken", "This file cannot be used", error.message],
    busy: ["cloud", "Too much at a time", error.message],
  };
  const [image, title, text] = known[error.code] ?? ["broken", "That did not work", error.message];
  return { image, title, text };
}

export const button = (text, image, call, extra = {}) =>
  h("button", { type: "button", class: "plain", onclick: call, ...extra }, image ? icon(image) : null, text);

/** A switch between a few words. */
export function choice(label, words, chosen, call) {
  return h("div", { class: "switch", role: "group", "aria-label": label },
    Object.entries(words).map(([value, word]) => h("button", { type: "button", "aria-pressed": String(value === chosen), onclick: () => call(value) }, word)));
}
