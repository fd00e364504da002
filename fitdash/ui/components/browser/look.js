// Layout of a figure in the theme of the page: colours, fonts, axes, and a legend that never moves the curves.

export function layout(box, figure, root, bold, range) {
  const style = getComputedStyle(root), css = name => style.getPropertyValue('--st-' + name).trim();
  const ink = css('text-color'), line = css('border-color'), none = 'rgba(0,0,0,0)';
  const colours = css('chart-categorical-colors').split(',');
  const size = parseFloat(getComputedStyle(document.documentElement).fontSize);
  const font = {color: ink, family: css('font'), size};
  const paper = css('background-color');
  const tone = ([at, color, share]) => [at, mixed(paper, color === 'ink' ? ink : colours[color], share)];
  for (const trace of figure.data) {
    const {scale, markers, edge} = trace.meta ?? {}, color = colours[trace.meta?.color];
    if (box.away.has(trace.meta?.hides)) trace.visible = 'legendonly';
    if (color) { trace.line = {...trace.line, color}; trace.marker = {...trace.marker, color}; }
    // Plotly's text in cells is white or dark grey; on a dark page a full colour suits neither: too bright, too dark.
    const full = trace.texttemplate && isDark(paper) ? 0.65 : 1;
    if (scale) trace.colorscale = scale.map(([at, color, share]) => tone([at, color, Math.min(share, full)]));
    if (markers) trace.marker.colorscale = markers.map(tone);
    if (edge) trace.marker.line = {...trace.marker.line, color: edge === 'ink' ? ink : paper};
  }
  const made = {...figure.layout, autosize: true, paper_bgcolor: none, plot_bgcolor: none, font,
    dragmode: matchMedia('(pointer: coarse)').matches ? false : 'zoom', colorway: colours,
    modebar: {bgcolor: none, color: ink, activecolor: ink, orientation: 'h'},
    hoverlabel: {bgcolor: css('secondary-background-color'), bordercolor: line, font: {color: ink, family: css('font')}}};
  if (made.title) made.title = {...made.title, font: {...font, size: 1.05 * size}};
  const axis = {gridcolor: line, zerolinecolor: line, linecolor: line, automargin: true};
  for (const name of Object.keys(made).filter(key => /^[xy]axis/.test(key))) {
    made[name] = {...axis, ...made[name], title: {...made[name].title, font, standoff: 8}};
  }
  // The x range that the user zoomed to belongs to the page, so that all charts show the same; Plotly need not keep it.
  if (box.planned) {
    const seen = (range ?? box.planned).slice();
    made.xaxis = {...made.xaxis, range: seen, autorange: false, uirevision: String(seen)};
    made.yaxis.uirevision = `${made.yaxis.uirevision} ${box.follows}`;
    if (box.metric) Object.assign(made, entries(box, figure, made, size));
  }
  for (const shape of made.shapes ?? []) shape.line = {...shape.line, color: ink};
  for (const note of made.annotations ?? []) {
    Object.assign(note, {hoverlabel: made.hoverlabel, font: {size: size * (bold ?? 1), color: ink}});
  }
  return made;
}

const channels = color => color.trim().startsWith('#')
  ? [1, 3, 5].map(i => parseInt(color.trim().slice(i, i + 2), 16)) : color.match(/[\d.]+/g).slice(0, 3).map(Number);
const isDark = color => channels(color).reduce((sum, value) => sum + value) < 384;
function mixed(paper, color, share) {                              // `share` of the colour, the rest background
  const from = channels(paper), to = channels(color);
  return `rgb(${from.map((value, i) => Math.round(value + (to[i] - value) * share))})`;
}

function entries(box, figure, made, size) {                        // legend in columns below the mode bar; never moves
  const names = new Set(figure.data.filter(t => t.showlegend !== false).map(t => t.legendgroup ?? t.uid));
  const columns = Math.max(1, Math.floor((box.offsetWidth - 50) / (11.5 * size)));
  const rows = Math.ceil(names.size / columns);
  return {
    legend: {...made.legend, entrywidth: 0.995 / columns, entrywidthmode: 'fraction', font: {size: 0.82 * size}},
    margin: {...made.margin, t: (1.9 + rows * 1.3) * size},
  };
}
