"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent);
  const PER_PAGE = 20;
  const SIGNS = { yes: "✓", no: "✗", "off-topic": "↷", malformed: "!", "not-sure": "?", refusal: "–", "judge-refused": "∅", unparsed: "∅" };

  // Columns: plain arrays, or runs of (value, how often).
  const columns = {};
  for (const [name, column] of Object.entries(data.columns)) {
    if (Array.isArray(column)) { columns[name] = column; continue; }
    const values = new Uint32Array(data.n);
    let at = 0;
    for (let i = 0; i < column.runs.length; i += 2) {
      values.fill(column.runs[i], at, at + column.runs[i + 1]);
      at += column.runs[i + 1];
    }
    columns[name] = values;
  }
  const column = (name) => columns[name] || [];
  const key = (row) => typeof data.keys === "string" ? data.keys.slice(16 * row, 16 * row + 16) : data.keys[row];

  // Everything the model or a file wrote goes through textContent; what would be invisible is spelled out.
  const visible = (text) => text
    .replace(/[\u0000-\u0008\u000b-\u001f]/g, (c) => String.fromCharCode(0x2400 + c.charCodeAt(0)))
    .replace(/\u007f/g, "\u2421")
    .replace(/[\u0080-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
      (c) => "[U+" + c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0") + "]");
  const element = (tag, className, text) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = visible(text);
    return node;
  };

  const form = $("filters");
  const fields = form.elements;
  let page = 0;
  let shown = [];

  const fill = (name, first, options) => {
    const select = fields[name];
    if (first !== null) select.append(new Option(first, ""));
    for (const [value, text] of options) select.append(new Option(visible(text), value));
  };
  const fillStances = () => {
    fields.stance.append(new Option("all", ""));
    const blocks = new Map();
    for (const [id, name, block] of data.stances) {
      if (!blocks.has(block)) blocks.set(block, []);
      blocks.get(block).push([id, name]);
    }
    for (const [block, members] of blocks) {
      const group = document.createElement("optgroup");
      group.label = visible(block);
      group.append(new Option("all of " + visible(block), "block:" + block));
      for (const [id, name] of members) group.append(new Option(visible(name), id));
      fields.stance.append(group);
    }
  };
  const names = (list) => list.map((text) => [text, text]);

  // The filters as a test of one row.
  const filter = () => {
    const index = (list, name) => fields[name].value === "" ? -1 : list.indexOf(fields[name].value);
    const base = index(data.bases, "base"), arm = index(data.arms, "arm"), label = index(data.labels, "label");
    const stance = fields.stance.value;
    const wanted = data.stances.map(([id, , block]) => stance === "" || id === stance || "block:" + block === stance);
    const replicate = fields.replicate.value === "" ? -1 : Number(fields.replicate.value);
    const q = fields.q.value.trim().toLowerCase();
    const has = (list) => list.map((text) => text.toLowerCase().includes(q));
    const inText = q && has(data.texts), inPrompt = q && has(data.prompts);
    const c = columns;
    return (row) => (base < 0 || c.base[row] === base) && (arm < 0 || c.arm[row] === arm)
      && wanted[c.stance[row]] && (label < 0 || c.label[row] === label)
      && (replicate < 0 || c.replicate[row] === replicate)
      && (!q || inText[c.text[row]] || inPrompt[c.prompt[row]]);
  };

  // Rows of one arm by base, battery, stance, prompt and sample, then by replicate.
  const partners = new Map();
  const same = (row) => [column("base")[row], column("battery")[row], column("stance")[row],
    column("prompt")[row], column("place")[row], column("sample")[row]].join(" ");
  const partner = (row, arm) => {
    if (!partners.has(arm)) {
      const rows = new Map();
      for (let other = 0; other < data.n; other += 1) {
        if (columns.arm[other] !== arm) continue;
        if (!rows.has(same(other))) rows.set(same(other), []);
        rows.get(same(other)).push(other);
      }
      partners.set(arm, rows);
    }
    const found = partners.get(arm).get(same(row)) || [];
    const exact = found.find((other) => columns.replicate[other] === columns.replicate[row]);
    return exact === undefined ? found[0] : exact;
  };

  const answer = (row, arm) => {
    const box = element("div", "answer");
    if (row === undefined) {
      box.append(element("p", "who", arm), element("p", "quiet", "no answer to this prompt and sample"));
      return box;
    }
    const label = data.labels[columns.label[row]];
    const who = element("p", "who", data.arms[columns.arm[row]]);
    who.append(element("span", "chip " + label, SIGNS[label] + " " + label));
    const finish = data.finishes[columns.finish[row]];
    const ended = finish === "stop" ? "" : " · ended by " + finish;
    // Coherence is one more than its points; zero is nothing.
    const coherence = columns.coherence[row], thought = data.thoughts[columns.thought[row]];
    const coherent = coherence ? " · coherence " + (coherence - 1) : "";
    box.append(who);
    if (thought) {
      const details = element("details", "thought");
      details.append(element("summary", "", "Reasoning"), element("p", "said", thought));
      box.append(details);
    }
    box.append(element("p", "said", data.texts[columns.text[row]]),
      element("p", "meta", "replicate " + columns.replicate[row] + ended + coherent + " · key " + key(row)));
    return box;
  };
  const exchange = (row) => {
    const box = element("article", "exchange");
    const [, name, block] = data.stances[columns.stance[row]];
    box.append(element("p", "meta", data.bases[columns.base[row]] + " · " + data.batteries[columns.battery[row]] + " · "
      + block + " · " + name + " · prompt " + columns.place[row] + ", sample " + columns.sample[row]));
    box.append(element("p", "asked", data.prompts[columns.prompt[row]]));
    const sides = element("div", "sides");
    sides.append(answer(row));
    const other = data.arms.indexOf(fields.with.value);
    if (other >= 0 && other !== columns.arm[row]) sides.append(answer(partner(row, other), data.arms[other]));
    box.append(sides);
    return box;
  };

  const draw = () => {
    const last = Math.max(0, Math.ceil(shown.length / PER_PAGE) - 1);
    page = Math.min(Math.max(0, page), last);
    const rows = shown.slice(page * PER_PAGE, (page + 1) * PER_PAGE);
    $("answers").replaceChildren(...rows.map(exchange));
    $("found").textContent = shown.length.toLocaleString("en") + " of " + data.n.toLocaleString("en") + " answers";
    $("page").textContent = "page " + (page + 1) + " of " + (last + 1);
    $("pages").hidden = shown.length === 0;
    $("earlier").disabled = page === 0;
    $("later").disabled = page === last;
  };
  const search = () => {
    const test = filter();
    shown = [];
    for (let row = 0; row < data.n; row += 1) if (test(row)) shown.push(row);
    draw();
  };

  const remember = () => {
    const query = new URLSearchParams();
    for (const field of fields) if (field.name && field.value) query.set(field.name, field.value);
    if (page > 0) query.set("page", String(page + 1));
    try { history.replaceState(null, "", "#find?" + query); } catch { /* some viewers forbid it */ }
  };
  const follow = () => {
    if (!location.hash.startsWith("#find?")) return;
    const query = new URLSearchParams(location.hash.slice("#find?".length));
    for (const field of fields) if (field.name) field.value = query.get(field.name) || "";
    // A value that no option has leaves a select without choice: show everything instead.
    for (const field of fields) if (field.tagName === "SELECT" && field.selectedIndex < 0) field.value = "";
    page = Number(query.get("page") || 1) - 1 || 0;
    search();
    $("transcripts").scrollIntoView();
  };
  const turn = (by) => { page += by; draw(); remember(); $("filters").scrollIntoView({ block: "start" }); };

  fill("base", "all", names(data.bases));
  fill("arm", "all", names(data.arms));
  fill("with", "nothing", names(data.arms));
  fillStances();
  fill("label", "all", names(data.labels));
  const replicates = Array.from(new Set(column("replicate"))).sort((a, b) => a - b);
  fill("replicate", "all", replicates.map((n) => [String(n), String(n)]));
  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => { page = 0; search(); remember(); });
  form.addEventListener("reset", () => setTimeout(() => { page = 0; search(); remember(); }));
  $("earlier").addEventListener("click", () => turn(-1));
  $("later").addEventListener("click", () => turn(1));
  addEventListener("hashchange", follow);
  search();
  follow();
})();
