// Tables: a button in every header that sorts by `data-value`; what has no value stays last.

function makeSortable(table) {
  for (const header of table.tHead.rows[0].cells) {
    const cells = [...table.tBodies[0].rows].map((row) => row.cells[header.cellIndex]);
    if (!cells.some((cell) => "value" in cell.dataset)) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    header.append(button);
    button.addEventListener("click", () => sortBy(table, header));
  }
}

function sortBy(table, header) {
  const first = header.dataset.first;
  const opposite = first === "ascending" ? "descending" : "ascending";
  const order = header.getAttribute("aria-sort") === first ? opposite : first;
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", order);
  const body = table.tBodies[0];
  const value = (row) => row.cells[header.cellIndex].dataset.value;
  const sign = order === "ascending" ? 1 : -1;
  const rows = [...body.rows].sort((a, b) => compareKnownFirst(value(a), value(b), sign));
  body.append(...rows);
}

function compareKnownFirst(a, b, sign) {
  if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
  const difference = Number(a) - Number(b);
  return sign * (Number.isNaN(difference) ? a.localeCompare(b, "en") : difference);
}
