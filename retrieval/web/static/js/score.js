// The numbers of an answer, as people read them: its score, or its closeness to a point, and its fit.
import { h, percent } from "./dom.js";

const EVEN = 0.5; // below it, picture and song more likely differ in mood than share one
const NOUNS = { image: "pictures", music: "songs" };

export const HELP = {
  query: "The percentage is the chance that picture and song share a mood (50%: as likely as not); “better than 99%” says how " +
    "many of your other pictures or songs suit the query less. “Same polarity” is coarser: the chance that both are positive, " +
    "both neutral or both negative.",
  same: "The percentage says how alike in mood a file is to your query; between two pictures, or two songs, it gives the order and is " +
    "no chance. “Better than 99%” says how many of your other files suit the query less.",
  words: "The percentage says how near a picture or song lies to your words: to their mood and, where they name things, to those things.",
  both: "The percentage is the mean of two: the chance of a shared mood with the file that you search with, and the closeness to your words.",
  journey: "The files stand in the order of the way. On the plane, each step is a dot on the line and, where its file really lies, a " +
    "hollow dot; the thin line between them is the distance from the line. Drag the handle in the middle to bend the line.",
  plane: "The percentage says how near a picture or song lies to the point that you chose; 100% is the point itself.",
};

/** Note in the results of an answer what they are compared with: between files of one kind, a score is no chance. */
export function markKind(answer) {
  const words = answer.words.length > 0;
  for (const item of answer.results) Object.assign(item, { same: answer.query.some((one) => one.kind === item.kind), words });
  return answer;
}

/** Return the number by which an answer is ranked, in [0, 1]. */
const worth = (item) => item.score ?? item.closeness;

const isStep = (item) => item.waypoint !== undefined;

/** Say how far a step of a journey lies from the line. */
const offLine = ({ place, waypoint }) =>
  `${Math.hypot(place.valence - waypoint.valence, place.arousal - waypoint.arousal).toFixed(2)} off the line`;

/** Return the percentages of answers in a list; those that would read the same get a decimal. Steps of a journey have numbers. */
export function percentages(items) {
  if (items.some(isStep)) return items.map(({ rank }) => `Step ${rank}`);
  const whole = items.map((item) => percent(worth(item)));
  const times = new Map();
  for (const text of whole) times.set(text, (times.get(text) ?? 0) + 1);
  return whole.map((text, place) => (times.get(text) > 1 ? percent(worth(items[place]), 1) : text));
}

/** Say what share of the other files suits the query less, rounded down; null if it is not known. `others` names the files. */
export function fitInWords(item, others = null) {
  if (isStep(item)) return offLine(item);
  const { fit } = item;
  if (fit === null) return null;
  if (fit === 1) return others ? `better than all other ${others}` : "better than all others";
  const digits = fit >= 0.99 ? 1 : 0; // in a large library, the first hundreds are all within the last percent
  const scale = 10 ** (digits + 2);
  const share = percent(Math.floor(fit * scale) / scale, digits);
  return others ? `better than ${share} of the other ${others}` : `better than ${share}`;
}

/** Say both numbers of an answer in one sentence, with its percentage as its list writes it. */
export function inWords(item, written = percentages([item])[0]) {
  if (isStep(item)) return `${written.toLowerCase()} of the journey, ${offLine(item)}`;
  if (item.score === null) return `${written} near ${item.words ? "your words" : "the point that you chose"}`;
  const meaning = item.words ? "near your file and your words" : (item.same ? "alike in mood" : "chance of a shared mood");
  return [`${written} ${meaning}`, fitInWords(item, NOUNS[item.kind])].filter(Boolean).join(", ");
}

/** Say the chance of equal polarity; null if it is not known. */
export const polarityInWords = ({ correspondence }) =>
  (typeof correspondence !== "number" ? null : `same polarity: ${percent(correspondence)}`);

/** Draw the number by which an answer is ranked, as a `ring` or a `bar`, grey where a shared mood is unlikely; a step has none. */
export const meter = (shape, item) => isStep(item) ? null : h("i", { class: `${shape}${isUnlikely(item) ? " unlikely" : ""}`, "--share": worth(item) });

const isUnlikely = (item) => item.score !== null && !item.same && !item.words && item.score < EVEN;
