// Sets the theme before the page is drawn: the user's choice, otherwise the system's.
document.documentElement.dataset.theme =
  localStorage.getItem("theme") ?? (matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark");
