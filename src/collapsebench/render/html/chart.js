// Charts: curves over generations and costs against worth. Python gives every number and its words;
// here they only find their place on the screen.

const HEIGHT = 280;
const FRAME = { left: 52, right: 14, top: 12, bottom: 34 };
const DASHES = { replace: "7 3", frozen: "3 2.5", fresh_real: "7 3 2 3" };
const SHAPES = [
  "M-3.2 0a3.2 3.2 0 1 0 6.4 0a3.2 3.2 0 1 0-6.4 0Z",
  "M-2.9-2.9H2.9V2.9H-2.9Z",
  "M0-3.8L3.6 2.8H-3.6Z",
  "M0-4L4 0L0 4L-4 0Z",
  "M0 3.8L3.6-2.8H-3.6Z",
  "M-1.3-3.8H1.3V-1.3H3.8V1.3H1.3V3.8H-1.3V1.3H-3.8V-1.3H-1.3Z",
];
const COLOURS = 7;

function shape(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/* How an entry looks, on every chart of its board: references dashed and grey, methods by colour and marker,
   hollow once the colours are used up. */
function look(entry) {
  const lap = Math.floor(entry.style / COLOURS);
  return {
    colour: entry.reference ? "reference" : `c${entry.style % COLOURS}`,
    dash: entry.reference ? (DASHES[entry.label] ?? "5 3") : "none",
    marker: entry.reference ? "" : SHAPES[(entry.style + lap) % SHAPES.length],
    hollow: lap > 0,
  };
}

function marker(entry, x, y) {
  const { marker: path, hollow } = look(entry);
  return shape("path", { d: path || SHAPES[0], class: hollow ? "marker hollow" : "marker", transform: `translate(${x} ${y})` });
}

function swatch(entry) {
  const { colour, dash, marker: path } = look(entry);
  const line = shape("line", { x1: 1, x2: 25, y1: 7, y2: 7, class: "line", "stroke-dasharray": dash });
  const picture = shape("svg", { width: 26, height: 14, class: colour, "aria-hidden": "true" }, line);
  if (path) picture.append(marker(entry, 13, 7));
  return picture;
}

/* Logarithmic beyond a decade, as in the figures beside the Markdown pages. */
function makeScale(values, start, end) {
  let low = Math.min(...values), high = Math.max(...values);
  const log = low > 0 && high > 10 * low;
  if (log) { low /= 1.25; high *= 1.25; } else {
    const margin = 0.08 * (high - low) || 0.1 * Math.abs(high) || 1;
    low -= margin;
    high += margin;
  }
  const part = log ? (v) => Math.log(v / low) / Math.log(high / low) : (v) => (v - low) / (high - low);
  return {
    low, high,
    at: (value) => start + (end - start) * part(Math.min(Math.max(value, low), high)),
    ticks: (log ? logTicks : linearTicks)(low, high, Math.abs(end - start) / 45),
  };
}

function linearTicks(low, high, most) {
  const rough = (high - low) / Math.max(2, most);
  const decade = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((factor) => factor * decade >= rough) * decade;
  const ticks = [];
  for (let k = Math.ceil(low / step); k * step <= high; k++) ticks.push(Number((k * step).toPrecision(6)));
  return ticks;
}

function logTicks(low, high, most) {
  const ticks = (factors) => {
    const found = [];
    for (let power = Math.floor(Math.log10(low)); 10 ** power <= high; power++) {
      found.push(...factors.map((factor) => Number((factor * 10 ** power).toPrecision(6))));
    }
    return found.filter((value) => value >= low && value <= high);
  };
  const choices = [[1, 2, 5], [1, 3], [1]].map(ticks);
  return choices.find((found) => found.length <= 1.4 * most) ?? choices[2];
}

function tickLabel(value) {
  const size = Math.abs(value);
  const [unit, suffix] = size >= 1e9 ? [1e9, "G"] : size >= 1e6 ? [1e6, "M"] : size >= 1e4 ? [1e3, "k"] : [1, ""];
  return String(Number((value / unit).toPrecision(6))).replace("-", "−") + suffix;
}

/* An empty chart with its axes; `columns` are the places of the labels below it. */
function makeFrame(width, x, y, columns, below) {
  const right = width - FRAME.right, bottom = HEIGHT - FRAME.bottom;
  const picture = shape("svg", { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, "aria-hidden": "true" });
  for (const tick of y.ticks) {
    const at = y.at(tick);
    picture.append(
      shape("line", { class: "grid", x1: FRAME.left, x2: right, y1: at, y2: at }),
      shape("text", { class: "tick", x: FRAME.left - 8, y: at + 4, "text-anchor": "end" }, tickLabel(tick)),
    );
  }
  for (const tick of columns) {
    picture.append(shape("text", { class: "tick", x: x.at(tick), y: bottom + 16, "text-anchor": "middle" }, tickLabel(tick)));
  }
  picture.append(
    shape("line", { class: "axis", x1: FRAME.left, x2: right, y1: bottom, y2: bottom }),
    shape("text", { class: "tick", x: right, y: HEIGHT - 3, "text-anchor": "end" }, below),
  );
  return picture;
}

function path(points) {
  return points.map(([x, y], index) => `${index ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
}

/* One metric over generations: lines, the closed form dotted, and each line's interval for when it is singled out. */
function drawCurves(box, width, chart, board) {
  const lines = chart.lines.filter((line) => board.shows(line.entry));
  const values = lines.flatMap((line) => [...line.points, ...line.theory]).map(([value]) => value).filter((v) => v !== null);
  if (!values.length || !width) return box.replaceChildren();
  const last = Math.max(...lines.map((line) => Math.max(line.points.length, line.theory.length))) - 1;
  const x = { at: (t) => FRAME.left + 6 + ((width - FRAME.left - FRAME.right - 12) * t) / Math.max(1, last) };
  const y = makeScale(values, HEIGHT - FRAME.bottom, FRAME.top);
  const step = Math.ceil((last + 1) / Math.max(2, width / 45));
  const picture = makeFrame(width, x, y, [...Array(last + 1).keys()].filter((t) => t % step === 0), "generation");
  const readings = [];
  for (const line of lines) {
    picture.append(drawLine(line, board.entries[line.entry], x, y));
    line.points.forEach(([value, , words], t) => {
      if (value === null) return;
      const [, closed] = line.theory[t] ?? [];
      const title = `${board.entries[line.entry].label}, t = ${t}`;
      const unit = chart.unit ? ` ${chart.unit}` : "";
      readings.push({
        entry: line.entry, column: t, x: x.at(t), y: y.at(value),
        words: [title, `${words}${unit}`, ...(closed ? [`closed form ${closed}${unit}`] : [])],
      });
    });
  }
  box.replaceChildren(picture);
  makeReadable(box, picture, readings, board);
}

function drawLine(line, entry, x, y) {
  const known = line.points.map(([value, half], t) => ({ t, value, half: half ?? 0 })).filter(({ value }) => value !== null);
  const { colour, dash, marker: own } = look(entry);
  const group = shape("g", { class: `entry ${colour}`, "data-entry": line.entry });
  const upper = known.map(({ t, value, half }) => [x.at(t), y.at(value + half)]);
  const lower = known.map(({ t, value, half }) => [x.at(t), y.at(value - half)]).reverse();
  group.append(
    shape("path", { class: "band", d: `${path([...upper, ...lower])}Z` }),
    shape("path", { class: "line", d: path(known.map(({ t, value }) => [x.at(t), y.at(value)])), "stroke-dasharray": dash }),
  );
  if (own) group.append(...known.map(({ t, value }) => marker(entry, x.at(t), y.at(value))));
  const theory = line.theory.map(([value], t) => [x.at(t), value]).filter(([, value]) => value !== null);
  if (theory.length) group.append(shape("path", { class: "theory", d: path(theory.map(([at, value]) => [at, y.at(value)])) }));
  if (line.diverged && known.length) {
    const { t, value } = known[known.length - 1];
    group.append(shape("path", { class: "line", d: "M-5-5L5 5M5-5L-5 5", transform: `translate(${x.at(t)} ${y.at(value)})` }));
  }
  return group;
}

/* Worth of every scored entry over one cost, as a multiple of what `frozen` takes. */
function drawCosts(box, width, { names, points: all }, kind, board) {
  const points = all.filter(({ entry, worth, costs }) => board.shows(entry) && worth !== null && costs[kind][0] !== null);
  if (!points.length || !width) return box.replaceChildren();
  const spent = points.map(({ costs }) => costs[kind][0]);
  const x = makeScale([0.8, 1.25, ...spent], FRAME.left + 6, width - FRAME.right - 6);
  const y = makeScale([1, ...points.map(({ worth }) => worth)], HEIGHT - FRAME.bottom, FRAME.top);
  const picture = makeFrame(width, x, y, x.ticks.filter((tick) => tick >= 0), `${names[kind]}, × frozen`);
  const sorted = [...points].sort((a, b) => a.costs[kind][0] - b.costs[kind][0] || a.worth - b.worth);
  const readings = sorted.map(({ entry, worth, words, costs }, column) => ({
    entry, column, x: x.at(costs[kind][0]), y: y.at(worth),
    words: [board.entries[entry].label, `worth ${words}`, `${costs[kind][1]} ${names[kind]}`],
  }));
  for (const reading of readings) {
    const entry = board.entries[reading.entry];
    const group = shape("g", { class: `entry ${look(entry).colour}`, "data-entry": reading.entry });
    group.append(marker(entry, reading.x, reading.y));
    picture.append(group);
  }
  placeLabels(picture, readings, board, width);
  box.replaceChildren(picture);
  makeReadable(box, picture, readings, board);
}

/* A name beside each point where there is room for it. */
function placeLabels(picture, readings, board, width) {
  const taken = readings.map(({ x, y }) => ({ left: x - 5, right: x + 5, top: y - 5, bottom: y + 5 }));
  for (const { entry, x, y } of readings) {
    const { label, reference } = board.entries[entry];
    const wide = label.length * 6.3, places = [
      [x + 9, y + 4], [x - 9 - wide, y + 4], [x - wide / 2, y - 9], [x - wide / 2, y + 18],
      [x + 6, y - 7], [x - 6 - wide, y - 7], [x + 6, y + 15], [x - 6 - wide, y + 15],
    ];
    const free = places.map(([left, base]) => ({ left, right: left + wide, top: base - 10, bottom: base + 2, base })).find(
      (spot) => spot.left > FRAME.left && spot.right < width && spot.top > 0 && spot.bottom < HEIGHT - FRAME.bottom &&
        !taken.some((other) => spot.left < other.right && spot.right > other.left && spot.top < other.bottom && spot.bottom > other.top),
    );
    if (!free) continue;
    taken.push(free);
    const group = shape("g", { class: "entry", "data-entry": entry });
    group.append(shape("text", { class: reference ? "label italic" : "label", x: free.left, y: free.base }, label));
    picture.append(group);
  }
}

/* Hover, touch and arrow keys read the nearest point; a click singles its entry out. */
function makeReadable(box, picture, readings, board) {
  const ring = shape("circle", { class: "ring", r: 7, visibility: "hidden" });
  picture.append(ring);
  let current = null;
  const read = (reading) => {
    current = reading;
    ring.setAttribute("visibility", reading ? "visible" : "hidden");
    if (reading) { ring.setAttribute("cx", reading.x); ring.setAttribute("cy", reading.y); }
    board.point(reading?.entry ?? null);
    showTip(picture, reading);
  };
  picture.onpointermove = picture.onpointerdown = (event) => {
    const bounds = picture.getBoundingClientRect();
    const away = (r) => Math.hypot(r.x - event.clientX + bounds.left, r.y - event.clientY + bounds.top);
    const near = readings.reduce((best, other) => (away(other) < away(best) ? other : best));
    read(away(near) < 40 ? near : null);
  };
  picture.onpointerleave = () => read(null);
  picture.onclick = () => current && board.pin(current.entry);
  box.onblur = () => read(null);
  box.onkeydown = (event) => {
    const next = event.key === "Escape" ? null : step(readings, current, event.key);
    if (next === undefined) return;
    event.preventDefault();
    read(next);
  };
}

/* Left and right along an entry's line, up and down between the lines of a generation. */
function step(readings, current, key) {
  const arrows = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];
  if (!arrows.includes(key)) return undefined;
  if (!current) return readings[0];
  const nearest = (found) => found.sort((a, b) => Math.abs(a.y - current.y) - Math.abs(b.y - current.y))[0];
  if (key === "ArrowLeft" || key === "ArrowRight") {
    const column = readings.filter((r) => r.column === current.column + (key === "ArrowLeft" ? -1 : 1));
    return column.find((r) => r.entry === current.entry) ?? nearest(column) ?? current;
  }
  const above = key === "ArrowUp";
  const others = readings.filter((r) => r.column === current.column && r !== current);
  return nearest(others.filter((r) => (above ? r.y < current.y : r.y > current.y))) ?? current;
}

function showTip(picture, reading) {
  const tip = document.getElementById("tip");
  tip.hidden = !reading;
  if (!reading) return;
  const [title, ...lines] = reading.words;
  tip.replaceChildren(element("b", {}, title), ...lines.map((line) => element("span", {}, line)));
  const bounds = picture.getBoundingClientRect();
  const left = Math.min(Math.max(8, bounds.left + reading.x + 14), document.documentElement.clientWidth - tip.offsetWidth - 8);
  const above = bounds.top + reading.y - tip.offsetHeight - 12;
  tip.style.left = `${left}px`;
  tip.style.top = `${above > 4 ? above : bounds.top + reading.y + 16}px`;
}
