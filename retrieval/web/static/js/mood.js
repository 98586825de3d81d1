// Emotions as colours: the angle on the plane gives the hue, the distance from its centre the saturation.

// Pairs of an angle on the plane, in degrees from pleasant towards lively, and its hue.
const HUES = [[0, 95], [42, 70], [79, 50], [132, 24], [175, 335], [215, 290], [256, 255], [308, 185], [360, 95]];

function hue(valence, arousal) {
  const angle = ((Math.atan2(arousal, valence) * 180) / Math.PI + 360) % 360;
  const place = HUES.findIndex(([degrees]) => angle < degrees);
  const [[a, from], [b, to]] = [HUES[place - 1], HUES[place]];
  const turn = ((to - from + 540) % 360) - 180; // the shorter way round the circle
  return from + (turn * (angle - a)) / (b - a);
}

let lightnessOfTheme = null;
addEventListener("theme", () => { lightnessOfTheme = null; });

function themeLightness() {
  lightnessOfTheme ??= getComputedStyle(document.documentElement).getPropertyValue("--mood-l").trim();
  return lightnessOfTheme;
}

/** Return a CSS colour for a point of the plane, light enough for dark text on it. */
export function colour(valence, arousal, lightness = themeLightness()) {
  const strength = Math.min(1, Math.hypot(valence, arousal) / 0.6);
  return `oklch(${lightness} ${(0.03 + 0.12 * strength).toFixed(3)} ${hue(valence, arousal).toFixed(0)})`;
}

/** Return the colour of a file or of a song's moment, by its place on the plane. */
export const colourOf = ({ place }, lightness = undefined) => colour(place.valence, place.arousal, lightness);

/** Give the page's background the colour of a place. */
export function tint({ valence, arousal }) {
  document.documentElement.style.setProperty("--aura", colour(valence, arousal, 0.68));
}
