// Client of the HTTP API. `trouble` dispatches `offline`, `online` and `locked` (the token is missing).

export const trouble = new EventTarget();
const API = "/api/v1";
let online = true;

/** Error response of the server, with its message. */
export class ApiError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Fetch JSON. `parameters`: values, or arrays of values; empty ones are left out. */
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

/** Upload files and return their analyses. */
export async function upload(files) {
  const form = new FormData();
  for (const file of files) form.append("file", file, file.name);
  return (await send(`${API}/uploads`, { method: "POST", body: form })).uploads;
}

/** Exchange the token for a cookie; return false if the token is wrong. */
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
    markOffline();
    throw new ApiError(0, "offline", "Attune does not answer. Is `attune serve` still running?");
  }
  markOnline();
  if (answer.ok) return answer.json();
  const body = await answer.json().catch(() => null);
  const detail = body?.error ?? { code: "failed", message: `The server answered with status ${answer.status}.` };
  if (answer.status === 401) trouble.dispatchEvent(new Event("locked"));
  throw new ApiError(answer.status, detail.code, detail.message);
}

function markOffline() {
  if (online) trouble.dispatchEvent(new Event("offline"));
  online = false;
}

function markOnline() {
  if (!online) trouble.dispatchEvent(new Event("online"));
  online = true;
}

/** Poll the server: call `changed()` when it has another generation of the library. */
export function watch(changed) {
  let generation = null;
  const poll = async () => {
    try {
      if (!document.hidden) {
        const health = await send("/healthz", {});
        if (generation !== null && health.generation !== generation) changed();
        generation = health.generation;
      }
    } catch {
      // `trouble` has dispatched an event
    }
    setTimeout(poll, online ? 10_000 : 2_000);
  };
  poll();
}
