// Sortable tables: a press on a column's name sorts by it, another one turns the order round. Rows with an empty cell stay last.
const collator = new Intl.Collator("en", { numeric: true });
const first = (text) => {
  const found = text.replace("−", "-").match(/^[^\d+-]{0,2}([+-]?\d*\.?\d+(?:e[+-]?\d+)?)/i);
  return found ? Number(found[1]) : NaN;
};

for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const text = (row, column) => row.cells[column].textContent.trim();
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const rising = head.getAttribute("aria-sort") !== "ascending";
    const rows = [...body.rows];
    const filled = rows.map((row) => text(row, column)).filter((cell) => cell && cell !== "–" && cell !== "nan");
    const numeric = filled.every((cell) => !Number.isNaN(first(cell)));
    const compare = numeric ? (a, b) => first(a) - first(b) : collator.compare;
    const empty = (cell) => cell === "" || cell === "–" || cell === "nan";
    rows.sort((one, other) => {
      const [a, b] = [text(one, column), text(other, column)];
      if (empty(a) || empty(b)) return empty(a) - empty(b);
      return rising ? compare(a, b) : compare(b, a);
    });
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", rising ? "ascending" : "descending");
    body.append(...rows);
    document.getElementById("said").textContent = `Sorted by ${head.textContent.trim()}, ${rising ? "ascending" : "descending"}.`;
  }));
}
