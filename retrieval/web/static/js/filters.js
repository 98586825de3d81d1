// Filters of a search: words, least score, folder and excluded files.
import { $ } from "./dom.js";
import { adjust } from "./state.js";

const OWN = "chosen by itself";

const percents = (box) => Number(box.value) / 100;

/** Connect the fields with the page's state. */
export function connectFilters() {
  $("min").addEventListener("input", () => { $("min-said").textContent = least(percents($("min"))); });
  $("min").addEventListener("change", () => adjust({ min: percents($("min")) }));
  for (const name of ["words", "in", "exclude"]) $(name).addEventListener("change", () => adjust({ [name]: $(name).value.trim() }));
  $("meaning").addEventListener("input", () => { $("meaning-said").textContent = weight(percents($("meaning"))); });
  $("meaning").addEventListener("change", () => adjust({ meaning: percents($("meaning")) }));
  $("meaning-own").addEventListener("click", () => adjust({ meaning: null }));
}

/** Show the state in the fields. */
export function fillFilters(now) {
  $("min").value = now.min * 100;
  $("min-said").textContent = least(now.min);
  for (const name of ["words", "in", "exclude"]) $(name).value = now[name];
  $("meaning-row").hidden = !now.words;
  $("meaning").value = (now.meaning ?? 0.5) * 100;
  $("meaning-said").textContent = now.meaning === null ? OWN : weight(now.meaning);
  $("meaning-own").hidden = now.meaning === null;
  $("words-row").hidden = now.v !== null || Boolean(now.from);
  $("min-row").hidden = Boolean(now.from);
  if (now.min || now.in || now.exclude || (now.words && now.like.length)) $("filters").open = true;
}

const least = (share) => (share ? `${Math.round(share * 100)}%` : "any");

const weight = (meaning) => {
  const things = Math.round(meaning * 100);
  return `mood ${100 - things}%, things ${things}%`;
};
