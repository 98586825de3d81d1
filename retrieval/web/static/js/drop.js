// Files that are dropped on the page, pasted into it or chosen: sent once, to be read and forgotten.
import { upload } from "./api.js";
import { $ } from "./dom.js";
import { player } from "./player.js";

/** `begin(files)`, then `done(items)` or `failed(error)`; `limits` are the server's, once known. */
export function takeFiles({ begin, done, failed, limits }) {
  const take = async (files) => {
    if (!files.length) return;
    begin(files);
    try {
      tooLarge(files, limits());
      const items = await upload(files);
      items.forEach((item, place) => {
        if (item.kind === "music") player.remember(item.id, files[place]);
      });
      done(items);
    } catch (error) {
      failed(error);
    }
  };

  for (const id of ["choose", "dropzone"]) $(id).addEventListener("click", () => $("file").click());
  $("file").addEventListener("change", () => {
    take([...$("file").files]);
    $("file").value = "";
  });
  let inside = 0;
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragenter", (event) => {
    if (!carriesFiles(event)) return;
    inside += 1;
    $("veil").hidden = false;
  });
  addEventListener("dragleave", () => {
    inside = Math.max(0, inside - 1);
    $("veil").hidden = inside === 0;
  });
  addEventListener("dragover", (event) => {
    if (carriesFiles(event)) event.preventDefault();
  });
  addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    inside = 0;
    $("veil").hidden = true;
    take([...event.dataTransfer.files]);
  });
  addEventListener("paste", (event) => take([...(event.clipboardData?.files ?? [])]));
}

function tooLarge(files, limits) {
  const bytes = files.reduce((sum, file) => sum + file.size, 0);
  if (limits && (bytes > limits.bytes || files.length > limits.files)) {
    const error = new Error(`At most ${limits.files} files of ${Math.round(limits.bytes / 1e6)} MB together are taken at a time.`);
    error.code = "too_large";
    throw error;
  }
}
