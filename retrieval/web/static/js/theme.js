// Dark or light theme: the system's, until the user chooses one.
import { $ } from "./dom.js";

const system = matchMedia("(prefers-color-scheme: light)");

function show() {
  const theme = localStorage.getItem("theme") ?? (system.matches ? "light" : "dark");
  document.documentElement.dataset.theme = theme;
  $("theme").setAttribute("aria-label", `Change to ${theme === "dark" ? "light" : "dark"} colours`);
  dispatchEvent(new Event("theme"));
}

$("theme").addEventListener("click", () => {
  localStorage.setItem("theme", document.documentElement.dataset.theme === "dark" ? "light" : "dark");
  show();
});
system.addEventListener("change", show);
show();
