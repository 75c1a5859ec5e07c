// What the page knows of its run. An evaluation is named by its row in the columns of the data.

class Run {
  constructor(data) {
    Object.assign(this, data);
    this.metricOf = new Map(this.metrics.map((metric, i) => [metric.name, { ...metric, values: data.evaluations.values[i] }]));
    this.frontRows = new Set(this.front);
    this.alike = new Map(this.front.map((row, i) => [row, this.equal[i]])); // ids of others of the same point
    this.rowOf = new Map(); // of an individual the last evaluation that succeeded, else the last
    this.evaluations.id.forEach((id, row) => {
      const known = this.rowOf.get(id);
      if (known === undefined || !this.evaluations.failed[row] || this.evaluations.failed[known]) this.rowOf.set(id, row);
    });
    this.stands = new Map(); // for a member that is equal to one before, by its row
    this.alike.forEach((ids, row) => ids.forEach((id) => this.stands.set(this.rowOf.get(id), row)));
  }

  get quality() { return this.objectives[0].metric; }

  get cost() { return this.objectives[this.objectives.length - 1].metric; }

  id(row) { return this.evaluations.id[row]; }

  value(name, row) { return this.metricOf.get(name).values[row]; }

  operator(row) { return this.evaluations.operators[this.evaluations.operator[row]]; }

  text(name, row) { return metricText(this.metricOf.get(name), this.value(name, row)); }

  drawing(row) { return this.frontRows.has(row) ? this.drawings[this.id(row)] : undefined; }

  /** The member of the front that an evaluation is, or is equal to; -1 for none. */
  rank(row) { return this.front.indexOf(this.stands.get(row) ?? row); }

  /** The next member along the front, the cheaper or the costlier one; from elsewhere the nearest by cost. */
  along(row, step) {
    const rank = this.rank(row);
    if (rank >= 0) return this.front[rank + step] ?? null;
    const cost = row === null ? null : this.value(this.cost, row);
    const beyond = this.front.filter((member) => cost === null || step * (this.value(this.cost, member) - cost) > 0);
    return beyond.at(step > 0 ? 0 : -1) ?? null;
  }

  /** The first objective as something that is minimised. */
  loss(row) {
    const value = this.value(this.quality, row);
    return this.objectives[0].goal === "max" ? -value : value;
  }

  best(rows) { return rows.reduce((best, row) => (best === null || this.loss(row) < this.loss(best) ? row : best), null); }

  bestUnder(name, bound) { return this.best(this.front.filter((row) => this.value(name, row) !== null && this.value(name, row) <= bound)); }

  /** Costs that budgets are given in: what is neither a quality nor the same for the whole front. */
  costs() {
    const known = ["flops", "latency", "latency_device", "params", "edges", "flops_total", "neurons", "depth", "ram",
      "flash", "int8_flash"];
    const first = [this.cost, ...known.filter((name) => name !== this.cost)];
    return first.filter((name) => this.metricOf.has(name) && name !== this.quality
      && new Set(this.front.map((row) => this.value(name, row)).filter((value) => value !== null)).size > 1);
  }

  /** Rows of the line of first parents, the founder first; null where an ancestor has no evaluation here. */
  lineage(row) {
    const line = [];
    for (let id = this.id(row); id !== undefined; id = line[line.length - 1].parents[0]) {
      const known = id === this.id(row) ? row : this.rowOf.get(id);
      line.push({ id, row: known ?? null, parents: known === undefined ? [] : this.evaluations.parents[known] });
      if (line.length > this.evaluations.id.length) break; // a damaged run may claim to be its own ancestor
    }
    return line.reverse();
  }
}
