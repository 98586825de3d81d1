// Helpers that create elements. Text is always set as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
  play: "M6 4v12l10-6z", pause: "M6 4v12M14 4v12", more: "M10 4v12M4 10h12", less: "M4 10h12",
  close: "M5 5l10 10M15 5 5 15", next: "M8 4l6 6-6 6", back: "M12 4l-6 6 6 6",
  note: "M8 15V5l8-2v9M8 15a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0zM16 12a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0z",
  picture: "M3 4h14v12H3zM3 14l4-4 3 3 3-4 4 4M8 7.5v.1", show: "M3 5h14v10H3zM9 8v4l3.5-2z",
  follow: "M3 10h2l2-5 3 11 3-9 1.5 3H17", shuffle: "M3 6h3l7 8h4m0 0-2-2m2 2-2 2M3 14h3l2-2.4M11 8.4 13 6h4m0 0-2-2m2 2-2 2",
  broken: "M3 4h14v12H3zM6 7l3 3-2 2 3 4M13 7l-1 3 2 2", cloud: "M4 4l12 12M6 8a4 4 0 0 0 .5 8H13M9 5a5 5 0 0 1 5 4 3.4 3.4 0 0 1 2.4 5",
  help: "M7.4 7.6a2.7 2.7 0 1 1 3.9 2.5c-.9.5-1.3 1-1.3 2M10 15v.1", info: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM10 9.3V14M10 6.4v.1",
  journey: "M4.5 15.5c7 0 3-11 10-11M4 15.5h.1M16 4.5h.1", swap: "M4 7h12m0 0-3-3m3 3-3 3M16 14H4",
  start: "M3.5 10a2.5 2.5 0 1 0 5 0 2.5 2.5 0 1 0-5 0M8.5 10H17m0 0-3.5-3.5M17 10l-3.5 3.5", end: "M5 17V3h10l-2.5 3.5L15 10H5",
  feel: "M10 16.5S3 12.4 3 7.8A3.6 3.6 0 0 1 10 6.5A3.6 3.6 0 0 1 17 7.8c0 4.6-7 8.7-7 8.7z",
  search: "M9 4a5 5 0 1 0 0 10A5 5 0 0 0 9 4zM13 13l4 4",
};

export const $ = (id) => document.getElementById(id);

/** Create an element: `h("button", {class: "plain", onclick}, "text", child)`. */
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key.startsWith("--")) element.style.setProperty(key, value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Create an element of a drawing: `shape("circle", {cx: 1, cy: 2, r: 3})`. */
export function shape(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) if (value !== null) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Create an icon that screen readers ignore. */
export const icon = (name) => shape("svg", { viewBox: "0 0 20 20", "aria-hidden": "true" },
  shape("path", { d: ICONS[name], class: name === "play" ? "fill" : null }));

/** Announce a text to screen readers. */
export function say(text) {
  $("said").textContent = text;
}

export const clock = (seconds) => {
  const whole = Math.max(0, Math.floor(seconds || 0));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
};

export const percent = (share, digits = 0) => `${(share * 100).toFixed(digits)}%`;

/** Say how many near-duplicates an answer stands for, and which; null if none. */
export const alike = (item) => item.alike?.length
  ? h("span", { class: "alike", title: item.alike.join("\n") }, `+${item.alike.length} alike`) : null;

/** Return the name to show for an item. */
export const called = (item) => item.title || item.name;

export function debounce(wait, call) {
  let timer;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(call, wait, ...values);
  };
}
