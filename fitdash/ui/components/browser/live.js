// All charts of the page: they share a cursor, an x range and a drawing queue, and are updated in place.

const here = new URL(import.meta.url);                             // with the hash of all these files in its query
const [{layout}, {follows, frameOf, goOn}] = await Promise.all(['look.js', 'grow.js'].map(
  name => import(new URL(name + here.search, here).href)));
const page = {
  charts: new Set(), boxes: new Set(), bar: null, run: null, places: null, range: null, progress: null, lines: new Map(),
  feed: null, asks: false, timer: null, losing: null,
  at: null, held: false, veil: 0, turn: Promise.resolve(), rested: 0,
};
let library;
const LOST_AFTER = 5;                                              // update intervals without an answer
const LOST_LEAST = 2000, ANSWERS_IN = 10000, DUE_AGAIN = 5000, MOST_AT_ONCE = 25;   // ms

const plotly = src => library ??= new Promise((resolve, reject) => {
  const script = document.createElement('script');
  script.onload = () => resolve(window.Plotly);
  script.onerror = () => { library = undefined; reject(new Error('plotly.min.js did not load')); };
  script.src = src;
  document.head.append(script);
});
const element = (name, attributes = {}, ...inside) => {
  const made = Object.assign(document.createElement(name), attributes);
  made.append(...inside);
  return made;
};
// Lets the browser handle input between two charts; a timer would be throttled in a hidden tab.
const breath = () => new Promise(resolve => {
  const channel = new MessageChannel();
  channel.port1.onmessage = () => { page.rested = performance.now(); resolve(); };
  channel.port2.postMessage(0);
});

// a chart ------------------------------------------------------------------------------------------------------------

export function chart({data, parentElement: root, setTriggerValue}) {   // called for new data and for a new theme
  const box = root.querySelector('.fitdash-chart') ?? placed(root);
  box.root = root;
  box.style.height = data.height;
  box.setAttribute('role', 'img');
  box.pick = place => setTriggerValue('picked', place);
  page.charts.add(box);
  if (data.metric || data.shares) page.boxes.add(box);
  want(box, isOlder(data, box.wanted) ? {...data, ...told(box.wanted)} : data);
}

// A live update can be newer than the data of the rerun that follows it.
const isOlder = (data, shown) => data.of && data.of === shown?.of && data.seq < shown.seq;
const told = ({spec, alt, rev, of, seq}) => ({spec, alt, rev, of, seq});

// State of a box: `wanted` is the newest data, `going` what is being drawn, `shown` what has been drawn; `spec` and
// `frame` belong to `going`; `whole` makes the next drawing a full one, even if newer data replace those that set it.
function want(box, data, whole = true) {
  box.setAttribute('aria-label', data.alt);
  box.wanted = data;
  box.whole ||= whole;
  const rest = () => whole || performance.now() > page.rested + MOST_AT_ONCE ? breath() : null;
  page.turn = page.turn.then(rest).then(() => box.wanted === data && draw(box, box.root, data)).catch(error => {
    box.dataset.failed = error.message;
    Object.assign(box, {shown: data, whole: true});
    if (!box.dataset.ready) box.textContent = 'The chart cannot be drawn: ' + error.message;
  });
}

export function leave(root) {                                      // on unmount only
  const box = root.querySelector('.fitdash-chart');
  if (!box) return;
  page.boxes.delete(box);
  page.charts.delete(box);
  box.watcher.disconnect();
  window.Plotly?.purge(box);
}

function placed(root) {
  const box = element('div', {className: 'fitdash-chart'});
  box.line = element('div', {className: 'fitdash-line'});
  box.veil = element('div', {className: 'fitdash-veil'});
  box.follow = element('button', {className: 'fitdash-follow', type: 'button', textContent: 'follow', hidden: true,
    title: 'Back to all planned epochs', onclick: follow});
  root.append(element('div', {className: 'fitdash-place'}, box, box.follow));
  box.follows = 0;
  box.away = new Set();
  let frame;
  box.watcher = new ResizeObserver(() => {
    cancelAnimationFrame(frame);
    box.whole = true;                                              // the legend's columns depend on the width
    frame = requestAnimationFrame(() => box.dataset.ready && box.offsetWidth && window.Plotly.Plots.resize(box));
  });
  box.watcher.observe(box);
  return box;
}

async function draw(box, root, data) {
  const Plotly = await plotly(data.src), figure = JSON.parse(data.spec);
  const isShared = page.boxes.has(box), of = `${figure.layout.uirevision} ${figure.layout.xaxis?.uirevision}`;
  if (isShared && of !== page.run) [page.run, page.range] = [of, null];
  box.planned = isShared ? figure.layout.xaxis.range.slice() : null;   // a copy: Plotly writes into the figure's
  box.metric = data.metric;
  box.going = data;
  if (!box.whole && box.spec === data.spec) return drawn(box);
  const frame = isShared ? frameOf(figure) : null;
  if (!box.whole && isShared && box.frame === frame && goOn(box, Plotly, figure)) {
    box.spec = data.spec;
    box.goes.then(() => { box.whole ||= box.going === data && box.shown !== data; });
    return;
  }
  Object.assign(box, {whole: false, frame, spec: data.spec});
  await box.goes;
  await Plotly.react(box, figure.data, layout(box, figure, root, data.bold, page.range), {
    displaylogo: false, showSendToCloud: false, doubleClick: false,
    modeBarButtonsToRemove: ['lasso2d', 'select2d', 'zoomIn2d', 'zoomOut2d', 'autoScale2d'],
    toImageButtonOptions: {format: 'svg', filename: data.name}});
  if (isShared && !box.dataset.ready) listen(box, Plotly);
  if (data.picks && !box.dataset.ready) {
    box.on('plotly_click', event => event.points.length && box.pick(event.points[0].pointIndex));
  }
  box.dataset.ready = '1';
  if (isShared) place(box);
  drawn(box);
}

function drawn(box) {
  box.shown = box.going;
  box.dataset.rev = box.shown.rev;                                 // a browser test waits for it
  if (page.boxes.has(box)) page.bar?.show();
}

function listen(box, Plotly) {
  box.on('plotly_relayout', change => {
    const own = box.isMoved;
    const range = change['xaxis.range'] ?? (
      'xaxis.range[0]' in change ? [change['xaxis.range[0]'], change['xaxis.range[1]']] : null);
    if (range && !own) zoom(box, range.map(Number));
    place(box);
  });
  box.on('plotly_doubleclick', follow);
  box.on('plotly_legendclick', ({curveNumber}) => {                // traces that share an entry are hidden together
    const group = box._fullData[curveNumber].meta?.hides;
    if (!group) return true;
    if (!box.away.delete(group)) box.away.add(group);
    const places = box._fullData.flatMap((trace, place) => trace.meta?.hides === group ? [place] : []);
    const visible = box.away.has(group) ? 'legendonly' : true;
    Promise.resolve(box.goes).then(() => Plotly.restyle(box, {visible}, places));
    return false;
  });
  box.on('plotly_afterplot', () => place(box));
  box.on('plotly_transitioning', () => {                           // the extended curves have their new values
    follows(box);
    drawn(box);
  });
  box.on('plotly_click', event => event.points.length && hold(Math.round(overAt(event.points[0].x))));
  let frame;
  const others = action => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => page.boxes.forEach(one => one !== box && one.dataset.ready && action(one)));
  };
  box.on('plotly_hover', event => {
    // A hover that another chart has triggered has no mouse event.
    if (event.event?.target) others(one => Plotly.Fx.hover(one, {xval: event.points[0].x}, 'xy'));
  });
  box.on('plotly_unhover', event => { if (event.event?.target) others(one => Plotly.Fx.unhover(one)); });
}

// progress and text --------------------------------------------------------------------------------------------------

export function progress({data, parentElement: root}) {
  let bar = root.querySelector('.fitdash-progress');
  if (!bar) {
    bar = element('div', {className: 'fitdash-progress', role: 'progressbar', ariaValueMin: 0, ariaValueMax: 100},
      element('span'), element('div', {}, element('i')));
    root.append(bar);
  }
  page.progress = bar;
  if (!isOlder(data, bar.shown)) advance(bar, data);
}

function advance(bar, data) {
  bar.shown = data;
  bar.firstChild.textContent = bar.ariaValueText = data.text;
  bar.ariaValueNow = Math.round(100 * data.share);
  bar.lastChild.firstChild.style.width = `${100 * data.share}%`;
}

export function words({data, parentElement: root}) {
  const line = root.querySelector('.fitdash-words') ?? root.appendChild(
    element('div', {className: 'fitdash-words'}, element('b'), element('span')));
  page.lines.set(data.name, line);
  say(line, data);
}

function say(line, data) {
  if (isOlder(data, line.shown)) return;
  line.shown = data;
  write(line.firstChild, data.bold ? data.bold + ' ' : '');
  write(line.lastChild, data.words);
}

const write = (place, text) => {                                   // equal text is left alone, and stays selected
  if (place.textContent !== text) place.textContent = text;
};

// live updates between two reruns ------------------------------------------------------------------------------------

function later(began) {
  page.asks = true;
  page.timer = setTimeout(ask, Math.max(50, 1000 * page.feed.seconds - (performance.now() - began)));
}

document.addEventListener('click', event => {                      // the effect of a button shows at once
  if (!page.timer || !event.target.closest?.('.st-key-steer, [role=menu]')) return;
  clearTimeout(page.timer);
  page.timer = setTimeout(ask, 250);
}, true);

async function ask() {
  const began = performance.now(), {feed, bar} = page;
  page.asks = false;
  page.timer = null;
  if (!feed || !bar.root.isConnected) return;
  const news = await fetch(feed.feed, {signal: AbortSignal.timeout?.(ANSWERS_IN)})
    .then(answer => answer.ok ? answer.json() : null).catch(() => null);
  if (page.feed?.run !== feed.run) return;
  if (!news) return lost(bar, feed);
  clearTimeout(page.losing);
  hear(news, bar);
  await page.turn;
  if (page.feed && !page.asks) later(began);
}

function lost(bar, feed) {                                         // a rerun polls again, but may not come by itself
  clearTimeout(page.losing);
  page.losing = setTimeout(() => {
    if (page.asks || page.feed?.run !== feed.run || !bar.root.isConnected) return;
    bar.tellDue(`lost ${bar.losses = (bar.losses ?? 0) + 1}`);
    lost(bar, feed);
  }, Math.max(LOST_LEAST, LOST_AFTER * 1000 * feed.seconds));
}

function hear({due, seconds, progress: far, charts, words, cursor: where}, bar) {
  const now = performance.now();
  if (due && (due !== bar.due || now - bar.dueAt > DUE_AGAIN)) {
    bar.tellDue(due);
    bar.dueAt = now;
  }
  bar.due = due;
  if (!charts) return;
  page.feed.seconds = seconds;
  page.rested = now;                                               // curves that grow are drawn at once, in one frame
  for (const box of page.charts) {
    const news = charts[box.wanted.name], {seq, rev} = box.wanted;
    if (news && !isOlder(news, box.wanted) && (news.seq !== seq || news.rev !== rev)) want(box, {...box.wanted, ...news}, false);
  }
  for (const [name, line] of page.lines) if (words[name]) say(line, words[name]);
  if (page.progress && !isOlder(far, page.progress.shown)) advance(page.progress, far);
  if (where.seq >= bar.data.seq) stand(bar, {...bar.data, ...where});
}

// the x range --------------------------------------------------------------------------------------------------------

const near = (a, b, width) => Math.abs(a - b) < 1e-6 * width;
const same = (a, b) => near(a[0], b[0], b[1] - b[0]) && near(a[1], b[1], b[1] - b[0]);

function zoom(from, range) {
  page.range = same(range, from.planned) ? null : range;
  page.boxes.forEach(box => box !== from && move(box, {'xaxis.range': [...(page.range ?? box.planned)]}));
}

function follow() {
  page.range = null;
  page.boxes.forEach(box => {
    box.follows += 1;
    move(box, {'xaxis.range': [...box.planned], 'yaxis.autorange': true});
  });
}

async function move(box, change) {
  if (!box.dataset.ready) return;
  await box.goes;
  box.isMoved = true;
  window.Plotly.relayout(box, change).finally(() => { box.isMoved = false; place(box); });
}

// the cursor ---------------------------------------------------------------------------------------------------------

function between(from, to, at) {
  const last = from.length - 1;
  let i = 1;
  while (i < last && from[i] < at) i += 1;
  if (last < 1) return to[0];
  return to[i - 1] + (at - from[i - 1]) / ((from[i] - from[i - 1]) || 1) * (to[i] - to[i - 1]);
}
const xAt = over => page.places ? between(page.places.over, page.places.x, over) : over;
const overAt = x => page.places ? between(page.places.x, page.places.over, x) : x;

function place(box) {                                              // puts line, veil and button where the axes are now
  const {xaxis, yaxis} = box._fullLayout ?? {};
  if (!xaxis?._length) return;
  const curves = box.querySelector('.main-svg');
  if (curves.nextSibling !== box.veil) curves.after(box.veil, box.line);   // under legend, annotations and hover
  const hasBar = page.bar?.root.isConnected;                       // the bar may be left from another page
  const x = page.at === null || !hasBar ? NaN : xaxis.l2p(xAt(page.at));
  const isSeen = x >= -1 && x <= xaxis._length + 1;
  const left = Math.min(Math.max(x, 0), xaxis._length);
  const height = `${yaxis._length}px`, top = `${yaxis._offset}px`;
  Object.assign(box.line.style, {display: isSeen ? '' : 'none', left: `${xaxis._offset + x}px`, top, height});
  box.line.classList.toggle('is-held', page.held);
  Object.assign(box.veil.style, {display: page.held && hasBar ? '' : 'none', top, height, opacity: page.veil,
    left: `${xaxis._offset + left + 1}px`, width: `${Math.max(0, xaxis._length - left - 1)}px`});
  const isZoomed = box.planned && (!same(xaxis.range, box.planned) || yaxis.autorange === false);
  box.follow.hidden = !isZoomed;
  box.follow.style.top = top;
}

function put(at, held, veil = page.veil) {
  Object.assign(page, {at, held, veil: held ? veil : 0});
  page.boxes.forEach(place);
  page.bar?.show();
}

function hold(over) {                                              // the user put it here: later epochs are veiled
  const bar = page.bar;
  if (!bar?.root.isConnected) return;
  const at = Math.min(Math.max(over, bar.data.start + 1), bar.data.done);
  put(at, true, page.veil || 0.65);
  bar.tell(at);
}

export function cursor({data, parentElement: root, setStateValue, setTriggerValue}) {
  const bar = page.bar?.root === root ? page.bar : (page.bar = made(root));
  bar.send = epoch => setStateValue('epoch', epoch);
  bar.tellDue = mark => setTriggerValue('due', mark);
  const before = page.feed;
  page.feed = data.feed ? data : null;
  const hurries = before?.run !== data.run || data.seconds < before.seconds;   // the run changed while the page reran
  if (hurries) {
    clearTimeout(page.timer);
    Object.assign(page, {timer: null, asks: false});
  }
  if (page.feed && !page.asks) later(hurries ? -Infinity : performance.now());
  stand(bar, data.run === bar.data.run && data.seq < bar.data.seq ? bar.data : data);
  root.querySelector('.fitdash-cursor').dataset.ready = '1';
}

function stand(bar, data) {                                        // range and values of the cursor
  bar.data = data;
  page.places = data.places;
  if (bar.run !== data.run) {
    bar.run = data.run;
    bar.stop();
    page.held = false;
    if (bar.told !== null) bar.tell(null, 0);                      // else the server would ignore an equal number
  }
  put(page.held ? Math.min(page.at, data.done) : data.done, page.held);
}

function made(root) {
  root.querySelector('.fitdash-cursor')?.remove();
  const play = element('button', {type: 'button', className: 'fitdash-play'});
  const speed = element('select', {ariaLabel: 'replay takes', title: 'How long a replay of the whole run takes'},
    ...[5, 15, 60].map(s => element('option', {value: s, textContent: `in ${s} s`, selected: s === 15})));
  const slider = element('input', {type: 'range', step: 1, ariaLabel: 'epoch cursor'});
  const where = element('output', {className: 'fitdash-where'});
  const newest = element('button', {type: 'button', textContent: 'newest', title: 'Follow the newest epoch'});
  const values = element('div', {className: 'fitdash-values'});
  root.append(element('div', {className: 'fitdash-cursor'},
    element('div', {className: 'fitdash-row'}, play, speed, slider, where, newest), values));
  const bar = {root, data: {start: 0, done: 0, planned: 1}, frame: null, timer: null, told: null};
  bar.tell = (at, wait = 150) => {                                 // sent once the cursor has stood still
    clearTimeout(bar.timer);
    bar.timer = setTimeout(() => { if (bar.told !== at) bar.send(bar.told = at); }, wait);
  };
  bar.release = () => { bar.stop(); put(bar.data.done, false); bar.tell(null, 0); };
  bar.stop = () => { cancelAnimationFrame(bar.frame); bar.frame = null; };
  bar.play = () => {
    let before = performance.now(), told = before;
    const {start} = bar.data;
    if (!page.held || page.at >= bar.data.done) put(start, true, 1);
    page.veil = 1;
    const step = now => {
      const {done, planned} = bar.data;
      const at = page.at + (now - before) / 1000 / Number(speed.value) * (planned - start);
      before = now;
      if (at >= done) return bar.release();
      put(at, true);
      if (now - told > 500) { told = now; bar.tell(Math.max(start + 1, Math.floor(at)), 0); }
      bar.frame = requestAnimationFrame(step);
    };
    bar.frame = requestAnimationFrame(step);
    bar.show();
  };
  play.onclick = () => { if (bar.frame) { bar.stop(); bar.tell(Math.floor(page.at)); bar.show(); } else bar.play(); };
  slider.oninput = () => { bar.stop(); hold(Number(slider.value)); };
  newest.onclick = bar.release;
  bar.show = () => {
    const {start, done, planned} = bar.data, at = Math.floor(page.at ?? done);
    Object.assign(slider, {min: start + 1, max: Math.max(planned, start + 2), disabled: done <= start + 1});
    slider.value = at;
    slider.setAttribute('aria-valuetext', `epoch ${at}`);
    play.textContent = bar.frame ? '❚❚ Pause replay' : '▶ Replay';
    play.disabled = done <= start + 1;
    newest.style.visibility = page.held ? '' : 'hidden';
    where.textContent = done > start ? `epoch ${Math.max(at, start)} of ${planned}` : 'no epoch yet';
    const boxes = [...page.boxes].filter(box => box.isConnected);
    boxes.sort((a, b) => a.compareDocumentPosition(b) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1);
    values.replaceChildren(...boxes.map(box => valuesOf(box, at, bar.data)));
  };
  return bar;
}

function valuesOf(box, at, data) {                                     // the values of one chart at the cursor
  const told = (box._fullData ?? []).filter(trace => trace.meta?.told);
  const newest = page.held ? Infinity : Math.max(...told.map(trace => trace.x.at(-1)));   // the cursor may be ahead
  const x = Math.min(xAt(at), newest), exact = data.exact?.over === at ? data.exact.values : null;
  const parts = told.map(trace => {
    const known = exact?.[trace.meta.key];
    const text = known !== undefined ? digits(known) : valueAt(trace, x);
    const swatch = element('i');
    swatch.style.background = trace.line.color;
    return element('span', {title: trace.meta.told}, swatch, text);
  });
  return element('div', {}, element('b', {textContent: box.metric}), ...parts);
}

function valueAt({x, y, meta}, at) {
  let low = 0, high = x.length;
  while (low < high) { const mid = (low + high) >> 1; if (x[mid] <= at * (1 + 1e-6)) low = mid + 1; else high = mid; }
  if (!low) return '–';
  const hits = Math.abs(x[low - 1] - at) <= 1e-5 * Math.max(1, Math.abs(at));
  return hits || meta.thin ? (hits ? '' : '≈ ') + digits(y[low - 1]) : '–';
}

const digits = value => value === null || !Number.isFinite(value) ? '–'
  : Math.abs(value) >= 1e-3 && Math.abs(value) < 1e5 ? value.toPrecision(4) : value.toPrecision(3);
