// Drawings of a song: its waveform in the colours of its emotions, and the curve of its places on the plane.
import { colourOf } from "./mood.js";

function prepareCanvas(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const scale = devicePixelRatio || 1;
  canvas.width = Math.max(1, width * scale);
  canvas.height = Math.max(1, height * scale);
  const paint = canvas.getContext("2d");
  paint.scale(scale, scale);
  return { paint, width, height };
}

/** Return the moment of a curve whose middle is nearest to a time in seconds; null without a curve. */
export function momentAt(curve, seconds) {
  if (!curve?.length) return null;
  let best = curve[0];
  for (const moment of curve) {
    const middle = (of) => Math.abs((of.start_s + of.end_s) / 2 - seconds);
    if (middle(moment) < middle(best)) best = moment;
  }
  return best;
}

/** Draw a waveform; the part that has been played is brighter. */
export function drawWave(canvas, { peaks, curve, duration, at }) {
  const { paint, width, height } = prepareCanvas(canvas);
  if (!width) return;
  const step = 4;
  const bars = Math.floor(width / step);
  const played = duration ? at / duration : 0;
  for (let bar = 0; bar < bars; bar += 1) {
    const share = (bar + 0.5) / bars;
    const moment = momentAt(curve, share * duration);
    const from = Math.floor((bar / bars) * peaks.length);
    const to = Math.max(from + 1, Math.floor(((bar + 1) / bars) * peaks.length));
    let peak = 0;
    for (let place = from; place < to; place += 1) peak = Math.max(peak, peaks[place] ?? 0);
    const tall = Math.max(2, (peak / 255) * (height - 4));
    paint.fillStyle = moment ? colourOf(moment) : "gray";
    paint.globalAlpha = share <= played ? 1 : 0.42;
    paint.fillRect(bar * step, (height - tall) / 2, step - 1.5, tall);
  }
  paint.globalAlpha = 1;
  paint.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--ink");
  if (at > 0) paint.fillRect(Math.min(width - 2, played * width), 0, 2, height);
}

/** Draw valence (filled, in colours) and arousal (dashed) over time. */
export function drawCurve(canvas, { curve, duration, at }) {
  const { paint, width, height } = prepareCanvas(canvas);
  if (!width || !curve?.length) return;
  const style = getComputedStyle(document.documentElement);
  const x = (moment) => Math.min(1, (moment.start_s + moment.end_s) / 2 / duration) * width;
  const y = (value) => height / 2 - value * (height / 2 - 3);
  const points = [{ ...curve[0], left: 0 }, ...curve.map((moment) => ({ ...moment, left: x(moment) })), { ...curve.at(-1), left: width }];
  paint.strokeStyle = style.getPropertyValue("--line");
  paint.strokeRect(-1, height / 2, width + 2, 0.01);
  for (let place = 1; place < points.length; place += 1) {
    const [from, to] = [points[place - 1], points[place]];
    paint.beginPath();
    paint.moveTo(from.left, y(from.place.valence));
    paint.lineTo(to.left, y(to.place.valence));
    paint.strokeStyle = colourOf(to);
    paint.lineWidth = 3;
    paint.lineCap = "round";
    paint.stroke();
    paint.lineTo(to.left, height / 2);
    paint.lineTo(from.left, height / 2);
    paint.globalAlpha = 0.18;
    paint.fillStyle = paint.strokeStyle;
    paint.fill();
    paint.globalAlpha = 1;
  }
  paint.beginPath();
  for (const [place, point] of points.entries()) paint[place ? "lineTo" : "moveTo"](point.left, y(point.place.arousal));
  paint.setLineDash([4, 5]);
  paint.lineWidth = 1.5;
  paint.strokeStyle = style.getPropertyValue("--ink");
  paint.stroke();
  paint.setLineDash([]);
  if (at > 0) {
    paint.fillStyle = style.getPropertyValue("--ink");
    paint.fillRect((at / duration) * width - 1, 0, 2, height);
  }
}

/** Describe a curve in words for screen readers. */
export function curveInWords(item) {
  const { curve } = item;
  if (!curve?.length) return "";
  const most = (key, sign) => curve.reduce((best, one) => (one.place[key] * sign > best.place[key] * sign ? one : best));
  const at = (moment) => `${Math.round(moment.start_s)} seconds`;
  return `Emotion curve: most pleasant at ${at(most("valence", 1))}, least at ${at(most("valence", -1))}; ` +
    `liveliest at ${at(most("arousal", 1))}, quietest at ${at(most("arousal", -1))}.`;
}
