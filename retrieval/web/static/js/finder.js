// Search box for songs and pictures by name: a combobox in the sense of ARIA.
import { get } from "./api.js";
import { $, called, debounce, h, say } from "./dom.js";
import { face } from "./rail.js";

/** Call `chosen(item)` when the user picks an item. */
export function finder(chosen) {
  const [box, list] = [$("q"), $("hits")];
  let hits = [];
  let active = -1;
  let requests = 0;

  const show = (open) => {
    list.hidden = !open;
    box.setAttribute("aria-expanded", String(open));
    if (!open) box.removeAttribute("aria-activedescendant");
  };
  const point = (place) => {
    active = place;
    for (const [index, row] of [...list.children].entries()) row.setAttribute("aria-selected", String(index === place));
    if (place >= 0) {
      box.setAttribute("aria-activedescendant", `hit-${place}`);
      list.children[place].scrollIntoView({ block: "nearest" });
    }
  };
  const pick = (item) => {
    show(false);
    box.value = "";
    chosen(item);
  };
  const look = async () => {
    const text = box.value.trim();
    requests += 1;
    const request = requests;
    if (!text) return show(false);
    try {
      const [songs, pictures] = await Promise.all(["music", "image"].map((kind) => get("/items", { kind, q: text, limit: 6 })));
      if (request !== requests) return undefined;
      hits = [...songs.items, ...pictures.items];
      list.replaceChildren(...hits.map((item, place) => h("li", { role: "option", id: `hit-${place}`, "aria-selected": "false",
        onclick: () => pick(item) }, face(item), h("span", {}, called(item), item.artist ? ` · ${item.artist}` : ""))));
      if (!hits.length) list.append(h("li", { class: "none", role: "option", "aria-disabled": "true" }, "Nothing found"));
      active = -1;
      say(`${hits.length} found`);
      show(true);
    } catch {
      show(false);
    }
    return undefined;
  };

  box.addEventListener("input", debounce(140, look));
  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape") show(false);
    if (list.hidden || !hits.length) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      point((active + (event.key === "ArrowDown" ? 1 : -1) + hits.length) % hits.length);
    }
  });
  $("find").addEventListener("submit", (event) => {
    event.preventDefault();
    if (!list.hidden && hits.length) pick(hits[Math.max(0, active)]);
  });
  addEventListener("pointerdown", (event) => {
    if (!event.target.closest("#find")) show(false);
  });
}
