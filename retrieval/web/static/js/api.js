// Speaks with the server. Whoever wants to know of trouble listens on `trouble`.

export const trouble = new EventTarget();
const API = "/api/v1";
let online = true;

/** What went wrong, in the server's words. */
export class ApiError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Ask for JSON. `parameters`: values, or arrays of values; empty ones are left out. */
export async function get(path, parameters = {}, signal = undefined) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of [value].flat()) {
      if (one !== null && one !== undefined && one !== "") query.append(name, one);
    }
  }
  const text = query.toString();
  return send(`${API}${path}${text ? `?${text}` : ""}`, { signal });
}

/** Send files to be read. */
export async function upload(files) {
  const form = new FormData();
  for (const file of files) form.append("file", file, file.name);
  return (await send(`${API}/uploads`, { method: "POST", body: form })).uploads;
}

/** Change the token for a cookie; false: it is not the right one. */
export async function login(token) {
  const answer = await fetch(`${API}/session`, { method: "POST", headers: { Authorization: `Bearer ${token}` } });
  return answer.ok;
}

async function send(address, options) {
  let answer;
  try {
    answer = await fetch(address, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    lost();
    throw new ApiError(0, "offline", "Attune does not answer. Is `attune serve` still running?");
  }
  found();
  if (answer.ok) return answer.json();
  const body = await answer.json().catch(() => null);
  const detail = body?.error ?? { code: "failed", message: `The server said ${answer.status}.` };
  if (answer.status === 401) trouble.dispatchEvent(new Event("locked"));
  throw new ApiError(answer.status, detail.code, detail.message);
}

function lost() {
  if (online) trouble.dispatchEvent(new Event("offline"));
  online = false;
}

function found() {
  if (!online) trouble.dispatchEvent(new Event("online"));
  online = true;
}

/** Look now and then whether the server lives, and which generation it serves. */
export function watch(changed) {
  let generation = null;
  const look = async () => {
    try {
      if (!document.hidden) {
        const health = await send("/healthz", {});
        if (generation !== null && health.generation !== generation) changed();
        generation = health.generation;
      }
    } catch {
      // `trouble` has been told
    }
    setTimeout(look, online ? 10_000 : 2_000);
  };
  look();
}
