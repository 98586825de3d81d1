// Login: asks the user for the token and exchanges it for a cookie.
import { login, trouble } from "./api.js";
import { $, h } from "./dom.js";

export function gate() {
  trouble.addEventListener("locked", () => {
    const dialog = $("gate");
    if (dialog.open) return;
    const box = h("input", { type: "password", id: "token", autocomplete: "current-password", required: true });
    const wrong = h("p", { class: "wrong", role: "alert" });
    const form = h("form", { onsubmit: async (event) => {
      event.preventDefault();
      if (await login(box.value.trim())) location.reload();
      else wrong.textContent = "That is not the token.";
    } }, h("label", { for: "token" }, "Token"), box, h("button", { class: "plain strong" }, "Sign in"), wrong);
    dialog.replaceChildren(h("h2", { id: "gate-title" }, "This library is private"),
      h("p", {}, "The server asks for the token that `attune serve` printed when it started."), form);
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    dialog.showModal();
  });
}
