// Fast update of curves that only grew: axes, annotations and legend stay in place, at half the cost of a full drawing.

// The figure without its points and without the values that name the last one: equal frames differ in points only.
export const frameOf = ({data, layout}) => JSON.stringify([layout, data.map(({x, y, name, meta, ...rest}) => [
  rest, {...meta, last: null, thin: null}])]);

// True if the curves were extended. The x axis must be given, and the last full drawing must have the same frame. False
// in a hidden tab, which has no animation frames, while the user drags an axis, and until the last extension has ended.
export function goOn(box, Plotly, figure) {
  if (document.hidden || box._dragging || box._transitionData?._animationRaf) return false;
  if (!figure.data.every(({type}) => type === 'scatter')) return false;
  const traces = figure.data.map(({x, y, name, meta}) => ({x: numbers(x), y: numbers(y), name, meta}));
  const entries = entriesOf(box, figure.data);
  if (!fits(box, traces) || !entries.every(({text, name}) => text && canSay(text, name))) return false;
  const done = Plotly.animate(box, {data: traces, traces: traces.map((_, place) => place)}, AT_ONCE);
  // Plotly has no range until the next animation frame, so callers await this; a tab hidden meanwhile gets no frame.
  box.goes = Promise.race([done.catch(() => {}), new Promise(resolve => setTimeout(resolve, 1000))]);
  for (const {text, name} of entries) say(text, name);
  return true;
}

// Plotly has made new trace objects: the legend's items must point to them, because Plotly looks them up there.
export function follows(box) {
  for (const {__data__: [item]} of box.querySelectorAll('.legend .traces')) item.trace = box._fullData[item.trace.index];
}

const AT_ONCE = {mode: 'immediate', transition: {duration: 0}, frame: {duration: 0, redraw: false}};
const numbers = told => told.bdata === undefined ? told                                     // base64 of float32
  : new Float32Array(Uint8Array.from(atob(told.bdata), char => char.charCodeAt(0)).buffer);

// True if Plotly's automatic y range holds the new values with a margin for annotations, and is not far too large.
function fits(box, traces) {
  const {autorange, range, type} = box._fullLayout.yaxis, isLog = type === 'log';
  if (!autorange) return true;
  let low = Infinity, high = -Infinity;
  traces.forEach(({y}, place) => box._fullData[place].visible === true && y.forEach(value => {
    if (!Number.isFinite(value) || (isLog && value <= 0)) return;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }));
  if (isLog) [low, high] = [Math.log10(low), Math.log10(high)];
  const span = range[1] - range[0], room = 0.02 * span;
  return low >= range[0] + room && high <= range[1] - room && high - low > 0.6 * span;
}

// A legend entry is text with one number in bold, which Plotly has turned into a tspan.
const PARTS = /^([^<]*)<b>([^<]*)<\/b>([^<]*)$/;

function entriesOf(box, data) {
  if (!box._fullLayout.showlegend) return [];
  const made = new Map(Array.from(box.querySelectorAll('.legend .traces'),
    one => [one.__data__?.[0]?.trace.uid, one.querySelector('.legendtext')]));
  return data.filter(({showlegend}) => showlegend !== false).map(({uid, name}) => ({text: made.get(uid), name}));
}

const canSay = (text, name) => name === text.dataset.unformatted
  || (PARTS.test(name) && text.querySelectorAll('tspan').length === 1);

function say(text, name) {
  if (name === text.dataset.unformatted) return;
  const [, before, bold, after] = PARTS.exec(name), number = text.querySelector('tspan');
  number.textContent = bold;
  text.replaceChildren(before, number, after);
  text.dataset.unformatted = name;
}
