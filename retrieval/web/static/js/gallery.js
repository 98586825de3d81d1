// Gallery: pictures in rows of equal height that keep their proportions.
import { alike, called, h, icon } from "./dom.js";
import { colourOf } from "./mood.js";
import { fitInWords, inWords, meter, percentages } from "./score.js";

const RETRY_MS = 2500;

/** `acts`: open(item, list), and row(item), which returns the further actions as [label, icon, call]. */
export class Gallery {
  constructor(acts) {
    this._acts = acts;
    this.items = [];
    this.element = h("div", { class: "gallery", id: "gallery" });
  }

  /** Show other pictures; those that were shown before keep their elements, and so their loaded images. */
  replace(items) {
    const old = new Map([...this.element.children].map((figure) => [figure.dataset.id, figure]));
    this.items = items;
    this.element.replaceChildren(...items.map((item) => {
      const kept = old.get(item.id);
      if (!kept || kept.classList.contains("missing") !== item.missing || kept.dataset.acts !== this._words(item)) return this._figure(item);
      kept.querySelector(".numbers").replaceWith(numbers(item));
      return kept;
    }));
    this._label();
  }

  append(items) {
    this.items = [...this.items, ...items];
    this.element.append(...items.map((item) => this._figure(item)));
    this._label();
  }

  /** Show placeholders until the pictures come. */
  wait(count = 18) {
    const shapes = [1.5, 1.33, 0.75, 1.5, 1.78, 1, 0.67, 1.5];
    this.items = [];
    this.element.replaceChildren(...Array.from({ length: count }, (_, place) =>
      h("figure", { "aria-hidden": "true", "--r": shapes[place % shapes.length] }, h("span", { class: "open skeleton" }), h("figcaption"))));
  }

  /** Write the percentages, which depend on each other, and what is said on hovering and to screen readers. */
  _label() {
    const written = percentages(this.items);
    for (const [place, figure] of [...this.element.children].entries()) {
      const item = this.items[place];
      figure.querySelector(".percent").textContent = written[place];
      const open = figure.querySelector(".open");
      const fit = fitInWords(item);
      open.querySelector(".fit")?.remove();
      if (fit) open.append(h("span", { class: "fit" }, fit));
      open.setAttribute("aria-label", `${called(item)}: ${item.missing ? "not there now" : `feels ${item.mood}, ${inWords(item, written[place])}`}`);
    }
  }

  _figure(item) {
    const name = called(item);
    const image = h("img", { class: "waiting", src: item.thumbnail, alt: "", loading: "lazy", decoding: "async" });
    const open = h("button", { type: "button", class: "open", title: item.missing ? item.path : null,
      onclick: () => this._acts.open(this.items.find((one) => one.id === item.id), this.items) }, item.missing ? gone() : image);
    let tries = 0;
    image.addEventListener("load", () => image.classList.remove("waiting"));
    image.addEventListener("error", () => {
      tries += 1;
      if (tries < 3) setTimeout(() => { image.src = `${item.thumbnail}&try=${tries}`; }, RETRY_MS);
      else open.replaceChildren(gone());
    });
    const act = ([label, image, call]) =>
      h("button", { type: "button", class: "round", title: label, "aria-label": `${label}: ${name}`, onclick: call }, icon(image));
    return h("figure", { "data-id": item.id, "data-acts": this._words(item), class: item.missing ? "missing" : null, "--r": ratio(item) }, open,
      h("figcaption", {}, numbers(item), this._acts.row(item).map(act)));
  }

  _words(item) {
    return this._acts.row(item).map(([label]) => label).join();
  }
}

/** The ring, the percentage, which `_label` fills in, and the mood of a picture. */
function numbers(item) {
  return h("span", { class: "numbers", "--mood": colourOf(item) }, meter("ring", item), h("b", { class: "percent" }),
    h("span", { class: "word" }, item.mood), alike(item));
}

function gone() {
  return h("span", { class: "gone" }, "Not there now");
}

function ratio(item) {
  const shape = item.width && item.height ? item.width / item.height : 1.33;
  return Math.min(2.4, Math.max(0.6, shape)).toFixed(3);
}
