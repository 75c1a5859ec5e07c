// The members of the front, in an order that the reader chooses.

class MemberTable {
  constructor(choose) {
    this.choose = choose;
    this.column = null;
    this.descending = false;
  }

  columns(run) {
    const objectives = run.objectives.map(({ metric }) => metric);
    const rest = run.metrics.map(({ name }) => name).filter((name) => !objectives.includes(name));
    const metric = (name) => ({ name: run.metricOf.get(name).short, value: (row) => run.value(name, row), text: (row) => run.text(name, row) });
    const plainColumn = (name, value) => ({ name, value, text: (row) => String(value(row)) });
    const equal = (row) => run.alike.get(row).length || null;
    const columns = [
      plainColumn("id", (row) => run.id(row)), ...objectives.map(metric),
      { name: "equal", value: equal, text: (row) => (equal(row) ? `+${equal(row)} equal` : "") }, ...rest.map(metric),
      { name: "operator", value: (row) => run.operator(row), text: (row) => run.operator(row), words: true },
      plainColumn("generation", (row) => run.evaluations.generation[row]), plainColumn("epochs", (row) => run.evaluations.budget[row]),
    ];
    return columns.filter(({ value }) => run.front.some((row) => value(row) !== null)); // none that are empty
  }

  show(run, chosen) {
    const columns = this.columns(run);
    const rows = this.sorted(run, columns);
    const body = element("tbody", { children: rows.map((row) => this.row(run, columns, row, chosen)) });
    const empty = element("caption", { class: "quiet", text: "The front is empty: no evaluation has succeeded and keeps the constraints." });
    byId("members").replaceChildren(...(rows.length ? [this.head(run, columns, chosen), body] : [empty]));
  }

  sorted(run, columns) {
    const column = columns.find(({ name }) => name === this.column);
    if (!column) return run.front;
    const sign = this.descending ? -1 : 1;
    const unknown = (row) => column.value(row) === null; // last in any order
    const compare = column.words ? (a, b) => a.localeCompare(b) : (a, b) => a - b;
    return [...run.front].sort((a, b) => unknown(a) - unknown(b) || sign * compare(column.value(a), column.value(b)));
  }

  head(run, columns, chosen) {
    const cells = columns.map((column) => {
      const active = column.name === this.column;
      const arrow = active ? (this.descending ? " ↓" : " ↑") : "";
      const button = element("button", { type: "button", text: column.name + arrow });
      button.addEventListener("click", () => {
        this.descending = active && !this.descending;
        this.column = column.name;
        this.show(run, chosen);
      });
      const sort = active ? { "aria-sort": this.descending ? "descending" : "ascending" } : {};
      return element("th", { scope: "col", ...(column.words ? { class: "text" } : {}), ...sort, children: [button] });
    });
    return element("thead", { children: [element("tr", { children: cells })] });
  }

  row(run, columns, row, chosen) {
    const cells = columns.map((column, i) => {
      const td = element("td", { text: column.text(row), ...(column.words ? { class: "text", title: column.text(row) } : {}) });
      if (i === 0 && row === run.knee) td.append(element("span", { class: "tag", text: "knee" }));
      return td;
    });
    const tr = element("tr", { tabindex: "0", "data-id": run.id(row), "aria-selected": row === chosen, children: cells });
    tr.addEventListener("click", () => this.choose(row));
    return tr;
  }

  /** Only marks another row: nothing is built anew. */
  mark(id) {
    for (const tr of this.rows()) tr.setAttribute("aria-selected", tr.dataset.id === String(id));
  }

  rows() { return [...byId("members").querySelectorAll("tbody tr")]; }

  /** Ids as they stand in the table: the one below or above another, or null. */
  beside(id, step) {
    const ids = this.rows().map((tr) => Number(tr.dataset.id));
    return ids[ids.indexOf(id) + step] ?? null;
  }

  focus(id) { this.rows().find((tr) => tr.dataset.id === String(id))?.focus(); }
}
