// Uploads of files that the user drops on the page, pastes or chooses.
import { upload } from "./api.js";
import { $ } from "./dom.js";
import { player } from "./player.js";

/** Upload files: call `begin(files)`, then `done(items)` or `failed(error)`. `limits()` returns the server's limits, or null. */
export function takeFiles({ begin, done, failed, limits }) {
  const take = async (files) => {
    if (!files.length) return;
    begin(files);
    try {
      checkLimits(files, limits());
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
  let depth = 0; // dragenter and dragleave also fire for the elements inside the page
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragenter", (event) => {
    if (!carriesFiles(event)) return;
    depth += 1;
    $("veil").hidden = false;
  });
  addEventListener("dragleave", () => {
    depth = Math.max(0, depth - 1);
    $("veil").hidden = depth === 0;
  });
  addEventListener("dragover", (event) => {
    if (carriesFiles(event)) event.preventDefault();
  });
  addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    depth = 0;
    $("veil").hidden = true;
    take([...event.dataTransfer.files]);
  });
  addEventListener("paste", (event) => take([...(event.clipboardData?.files ?? [])]));
}

function checkLimits(files, limits) {
  const bytes = files.reduce((sum, file) => sum + file.size, 0);
  if (limits && (bytes > limits.bytes || files.length > limits.files)) {
    const error = new Error(`At most ${limits.files} files of ${Math.round(limits.bytes / 1e6)} MB together can be uploaded at a time.`);
    error.code = "too_large";
    throw error;
  }
}
