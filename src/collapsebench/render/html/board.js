// Boards: which one is shown, which tracks and tasks of it, and which entries are singled out.

class Board {
  constructor(own) {
    Object.assign(this, own);
    this.section = document.getElementById(own.id);
    this.chosen = { track: new Set(), task: new Set() };
    this.pinned = new Set();
    this.pointed = null;
    this.drawings = new Map();
    this.sizes = new ResizeObserver((changes) => this.resize(changes));
    this.makeControls();
    this.makeCharts();
    this.makeCostPlots();
    this.section.querySelectorAll("table").forEach(makeSortable);
    this.filter();
  }

  shows(entry) {
    const { track } = this.entries[entry];
    return !track || !this.chosen.track.size || this.chosen.track.has(track);
  }

  makeControls() {
    const names = { track: [...new Set(this.entries.map(({ track }) => track).filter(Boolean))], task: [...new Set(this.settings.map(({ task }) => task))] };
    const order = [...this.section.querySelectorAll("table.scores tr[data-track]")].map((row) => row.dataset.track);
    names.track.sort((a, b) => order.indexOf(a) - order.indexOf(b));
    const controls = this.section.querySelector(".controls");
    for (const kind of ["track", "task"]) controls.append(this.makeChips(kind, names[kind]));
    this.status = element("p", { class: "status", role: "status" });
    controls.append(this.status);
  }

  /* Nothing chosen is everything; the first chip says so. */
  makeChips(kind, names) {
    const group = element("div", { role: "group", class: "chips", "aria-label": `Filter by ${kind}` });
    group.append(element("span", { class: "label", "aria-hidden": "true" }, kind === "track" ? "Tracks" : "Tasks"));
    for (const name of ["", ...names]) {
      const chip = element("button", { type: "button", class: "chip", "data-name": name }, name || "all");
      chip.addEventListener("click", () => {
        const chosen = this.chosen[kind];
        if (!name) chosen.clear();
        else if (!chosen.delete(name)) chosen.add(name);
        this.filter();
      });
      group.append(chip);
    }
    return group;
  }

  filter() {
    const { track, task } = this.chosen;
    const hides = (chosen, name) => Boolean(chosen.size && name && !chosen.has(name));
    for (const node of this.section.querySelectorAll("[data-track], [data-task]")) {
      node.hidden = hides(track, node.dataset.track) || hides(task, node.dataset.task);
    }
    for (const [kind, chosen] of Object.entries(this.chosen)) {
      for (const chip of this.section.querySelectorAll(`[aria-label="Filter by ${kind}"] button`)) {
        chip.setAttribute("aria-pressed", chip.dataset.name ? chosen.has(chip.dataset.name) : !chosen.size);
      }
    }
    this.describe();
    this.draw();
  }

  describe() {
    const methods = this.entries.filter(({ reference }) => !reference);
    const shown = this.entries.filter((entry, index) => !entry.reference && this.shows(index)).length;
    const { track, task } = this.chosen;
    const note = task.size ? " Scores, their intervals, ranks and costs stay over all settings." : "";
    const tasks = new Set(this.settings.map((setting) => setting.task)).size;
    const counts = `${shown} of ${methods.length} methods, ${task.size || tasks} of ${tasks} tasks.`;
    this.status.textContent = track.size || task.size ? counts + note : "";
  }

  makeCharts() {
    for (const setting of this.settings) {
      const [loss, ...others] = setting.charts;
      const charts = document.getElementById(setting.id).querySelector(".charts");
      charts.append(this.makeFigure([loss]));
      if (others.length) charts.append(this.makeFigure(others));
      charts.after(this.makeLegend(setting.charts.flatMap(({ lines }) => lines), loss.lines.some(({ theory }) => theory.length)));
    }
  }

  /* One chart; of several metrics a reader picks the one to see. */
  makeFigure(charts) {
    const titles = charts.map(({ metric, unit }) => (unit ? `${metric} (${unit})` : metric));
    const box = element("div", { class: "plot", tabindex: 0, role: "application" });
    let title = element("span", {}, titles[0]), shown = 0;
    this.addDrawing(box, (width) => {
      box.setAttribute("aria-label", `${titles[shown]} over generations; arrow keys read the values`);
      drawCurves(box, width, charts[shown], this);
    });
    if (charts.length > 1) title = this.makeSelect("Metric beside the loss", titles, (index) => { shown = index; this.draw(box); });
    return element("figure", {}, element("figcaption", {}, title), box);
  }

  makeSelect(label, names, choose) {
    const select = element("select", {}, ...names.map((name, index) => element("option", { value: index }, name)));
    select.addEventListener("change", () => choose(Number(select.value)));
    return element("label", {}, element("span", {}, label), select);
  }

  makeCostPlots() {
    const places = this.section.querySelectorAll(".cost-plot");
    this.costs.plots.forEach((points, index) => this.makeCostPlot(places[index], this.costs.names, points));
  }

  makeCostPlot(place, names, points) {
    let shown = names.indexOf("synthetic examples");
    const box = element("div", { class: "plot", tabindex: 0, role: "application" });
    this.addDrawing(box, (width) => {
      box.setAttribute("aria-label", `Worth over ${names[shown]}; arrow keys read the values`);
      drawCosts(box, width, { names, points }, shown, this);
    });
    const select = this.makeSelect("Worth over", names, (index) => { shown = index; this.draw(box); });
    select.lastElementChild.value = shown;
    place.append(element("figure", {}, element("figcaption", {}, select), box));
  }

  makeLegend(lines, theory) {
    const list = element("ul", { class: "legend", "aria-label": "Entries; press one to single it out" });
    const entries = [...new Set(lines.map(({ entry }) => entry))];
    entries.sort((a, b) => this.entries[b].reference - this.entries[a].reference || a - b);
    for (const index of entries) {
      const entry = this.entries[index];
      const button = element("button", { type: "button", "data-entry": index }, swatch(entry), element(entry.reference ? "em" : "span", {}, entry.label));
      button.addEventListener("click", () => this.pin(index));
      button.addEventListener("pointerenter", () => this.point(index));
      button.addEventListener("pointerleave", () => this.point(null));
      list.append(element("li", { "data-track": entry.track }, button));
    }
    if (theory) {
      const dotted = shape("line", { x1: 1, x2: 25, y1: 7, y2: 7, class: "theory" });
      const picture = shape("svg", { width: 26, height: 14, class: "reference", "aria-hidden": "true" }, dotted);
      list.append(element("li", { class: "theory" }, picture, "closed form, in its line’s colour"));
    }
    return list;
  }

  /* Drawn once its size is known, and again whenever that changes: nothing here asks for a layout. */
  addDrawing(box, draw) {
    this.drawings.set(box, { width: 0, draw });
    this.sizes.observe(box);
  }

  resize(changes) {
    for (const { target, contentRect } of changes) {
      const drawing = this.drawings.get(target);
      if (drawing.width === contentRect.width) continue;
      drawing.width = contentRect.width;
      drawing.draw(drawing.width);
    }
    this.paint();
  }

  draw(...boxes) {
    for (const box of boxes.length ? boxes : this.drawings.keys()) {
      const { width, draw } = this.drawings.get(box);
      if (width) draw(width);
    }
    this.paint();
  }

  point(entry) {
    if (entry === this.pointed) return;
    this.pointed = entry;
    this.paint();
  }

  pin(entry) {
    if (!this.pinned.delete(entry)) this.pinned.add(entry);
    this.paint();
  }

  /* What is singled out stands before the rest. */
  paint() {
    const strong = new Set(this.pinned);
    if (this.pointed !== null) strong.add(this.pointed);
    for (const node of this.section.querySelectorAll("g.entry")) {
      const own = strong.has(Number(node.dataset.entry));
      node.classList.toggle("strong", own);
      node.classList.toggle("faint", Boolean(strong.size) && !own);
    }
    for (const button of this.section.querySelectorAll(".legend button")) {
      button.setAttribute("aria-pressed", this.pinned.has(Number(button.dataset.entry)));
    }
    for (const row of this.section.querySelectorAll("tr[data-entry]")) {
      row.classList.toggle("strong", this.pinned.has(Number(row.dataset.entry)));
    }
  }
}

const boards = new Map();
const figures = JSON.parse(document.getElementById("figures").textContent);

/* The board that the address names, or the first; it is set up when it is first shown. */
function showBoard() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const board = target?.closest(".board") ?? document.querySelector(".board");
  for (const other of document.querySelectorAll(".board")) other.hidden = other !== board;
  for (const link of document.querySelectorAll(".boards a")) {
    if (link.hash === `#${board.id}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (!boards.has(board.id)) boards.set(board.id, new Board(figures.find(({ id }) => id === board.id)));
  if (target && target !== board) target.scrollIntoView();
  else window.scrollTo(0, 0);
}

function makeThemeButton() {
  const root = document.documentElement, button = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const label = () => { button.textContent = isDark() ? "Light" : "Dark"; button.setAttribute("aria-label", `Switch to ${isDark() ? "light" : "dark"} colours`); };
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem("collapsebench-theme", root.dataset.theme); } catch { /* remembered for this visit only */ }
    label();
  });
  system.addEventListener("change", label);
  button.hidden = false;
  label();
}

makeThemeButton();
addEventListener("hashchange", showBoard);
showBoard();
