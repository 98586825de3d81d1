// Dialog with one large picture and its actions.
import { $, called, h, icon } from "./dom.js";
import { colourOf } from "./mood.js";
import { told } from "./rail.js";
import { inWords, meter, percentages, polarityInWords } from "./score.js";
import { button } from "./view.js";

/** `row(item)` returns the actions of a picture as [label, icon, call]. */
export class PictureView {
  constructor(row) {
    this._row = row;
    this._dialog = $("picture");
    this._dialog.addEventListener("click", (event) => { if (event.target === this._dialog) this._dialog.close(); });
    this._dialog.addEventListener("keydown", (event) => {
      if (event.key === "ArrowRight") this._turn(1);
      if (event.key === "ArrowLeft") this._turn(-1);
    });
  }

  open(item, items) {
    this._items = items;
    const written = percentages(items);
    this._written = new Map(items.map((one, at) => [one.id, written[at]]));
    this._show(item);
    if (!this._dialog.open) this._dialog.showModal();
  }

  _turn(step) {
    const at = this._items.findIndex((one) => one.id === this._item.id);
    this._show(this._items[(at + step + this._items.length) % this._items.length]);
  }

  _show(item) {
    this._item = item;
    const act = ([text, image, call]) => button(text, image, () => { this._dialog.close(); call(); });
    const over = (kind, label, image, call) => h("button", { type: "button", class: `over ${kind}`, "aria-label": label, onclick: call }, icon(image));
    this._dialog.setAttribute("aria-label", called(item));
    this._dialog.replaceChildren(
      h("div", { class: "frame" }, picture(item),
        over("back", "Previous picture", "back", () => this._turn(-1)), over("next", "Next picture", "next", () => this._turn(1)),
        over("close", "Close", "close", () => this._dialog.close())),
      h("div", { class: "about" }, h("div", { class: "names" },
        h("b", { "--mood": colourOf(item) }, meter("ring", item), `Feels ${item.mood}`),
        h("p", {}, [inWords(item, this._written.get(item.id)), polarityInWords(item)].filter(Boolean).join("; ")),
        h("span", {}, `${told(item)} · ${item.path}${item.missing ? " · not there now" : ""}`)),
      this._row(item).map(act)));
  }
}

/** The large picture, or a line in its place if its file is not there now. */
function picture(item) {
  const gone = () => h("p", { class: "gone" }, "This picture is not there now.");
  if (item.missing) return gone();
  const image = h("img", { src: `${item.thumbnail}&side=1600`, alt: `${called(item)}: feels ${item.mood}` });
  image.addEventListener("error", () => image.replaceWith(gone()));
  return image;
}
