// The results section of the page: heading, tools, results, or the reason why there are none.
import { $, h, icon } from "./dom.js";

/** Show heading, tools, notes and, behind a question mark, what the numbers mean; return the element for the results. */
export function layOut(title, small, tools, { notes = [], help = null } = {}) {
  const box = h("div", { class: "body" });
  $("results").setAttribute("aria-busy", "false");
  $("results").replaceChildren(
    h("header", {}, h("h1", { id: "heading" }, title, h("small", { id: "small" }, small)), h("div", { class: "tools" }, tools, help ? explain(help) : null)),
    h("div", { class: "notes", id: "notes" }), box);
  showNotes(notes);
  return box;
}

/** Show sentences that people should know about the results, such as that even the best one is poor. */
export function showNotes(notes) {
  $("notes").replaceChildren(...notes.map((note) => h("p", {}, icon("info"), h("span", {}, note))));
}

const explain = (text) => h("details", { class: "help" },
  h("summary", { class: "plain icon", title: "What the numbers mean", "aria-label": "What the numbers mean" }, icon("help")), h("p", { class: "card" }, text));

/** Show a message in place of results. */
export function showState(box, { image, title, text, code = null, buttons = [] }) {
  box.replaceChildren(h("div", { class: "state" }, icon(image), h("h2", {}, title), h("p", {}, text),
    code ? h("p", {}, h("code", {}, code)) : null, h("div", { class: "row" }, buttons)));
}

/** Return icon, title and text for an error. */
export function explainError(error) {
  const known = {
    offline: ["cloud", "Attune does not answer", "The page tries again by itself. Is `attune serve` still running?"],
    no_library: ["picture", "No library yet", error.message],
    forgotten: ["search", "This upload has expired", "Uploaded files are analysed once and not kept. Drop the file again to go on."],
    unknown_item: ["search", "No longer in the library", error.message],
    too_large: ["broken", "Too large", error.message],
    unusable_file: ["broken", "This file cannot be used", error.message],
    bad_request: ["search", "This cannot be searched", error.message],
    busy: ["cloud", "The server is busy", error.message],
  };
  const [image, title, text] = known[error.code] ?? ["broken", "Something went wrong", error.message];
  return { image, title, text };
}

export const button = (text, image, call, extra = {}) =>
  h("button", { type: "button", class: "plain", onclick: call, ...extra }, image ? icon(image) : null, text);

/** Create a switch between a few options. */
export function choice(label, words, chosen, call) {
  return h("div", { class: "switch", role: "group", "aria-label": label },
    Object.entries(words).map(([value, word]) => h("button", { type: "button", "aria-pressed": String(value === chosen), onclick: () => call(value) }, word)));
}
