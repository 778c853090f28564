"use strict";
const report = JSON.parse(document.getElementById("data").textContent);

// Elements are made, never parsed: names from outside stay text.
function make(tag, attributes, ...children) {
  const svg = ["svg", "rect", "text", "line", "title", "g"].includes(tag);
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
  for (const child of children) element.append(child);
  return element;
}
const at = (id) => document.getElementById(id);
const whole = (n) => n === undefined ? "?" : Math.round(n).toLocaleString("en");
const money = (n) => n === undefined ? "unknown" : "$" + n.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const percent = (n) => n === undefined ? "–" : (n * 100).toFixed(1) + " %";
const seconds = (n) => n === undefined ? "–" : n.toFixed(2) + " s";
const hours = (n) => n === undefined ? "unknown" : (n / 3600).toFixed(1) + " h";

function tokens(n) {
  if (n === undefined) return "?";
  for (const [unit, size] of [["G", 1e9], ["M", 1e6], ["k", 1e4]]) if (n >= size) return (n / (unit === "k" ? 1e3 : size)).toFixed(1) + unit;
  return whole(n);
}

const ROWS = 15;

// Columns: [title, value of a row, how it is shown]. A click on a title sorts by it.
function table(place, caption, rows, columns) {
  if (!rows.length) { place.append(make("p", {}, "Nothing seen.")); return; }
  const body = make("tbody");
  let order = 0, descending = false, shown = ROWS;
  const fill = () => {
    const sorted = [...rows];
    if (order) {
      const value = columns[order - 1][1];
      sorted.sort((a, b) => {
        const [x, y] = [value(a), value(b)];
        const less = typeof x === "string" ? x.localeCompare(y) : (x ?? -1) - (y ?? -1);
        return descending ? -less : less;
      });
    }
    body.replaceChildren(...sorted.slice(0, shown).map((row) => make("tr", {}, ...columns.map(([, value, show]) => {
      const text = show ? show(value(row)) : String(value(row) ?? "");
      return make("td", { title: text }, text);
    }))));
  };
  const head = make("tr", {}, ...columns.map(([title], index) => {
    const button = make("button", { type: "button" }, title);
    const cell = make("th", { scope: "col" }, button);
    button.addEventListener("click", () => {
      descending = order === index + 1 ? !descending : index > 0;
      order = index + 1;
      head.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
      cell.setAttribute("aria-sort", descending ? "descending" : "ascending");
      fill();
    });
    return cell;
  }));
  fill();
  place.append(make("table", {}, make("caption", {}, caption), make("thead", {}, head), body));
  if (rows.length > ROWS) {
    const more = make("button", { type: "button", class: "more" }, `show all ${whole(rows.length)}`);
    more.addEventListener("click", () => { shown = rows.length; more.remove(); fill(); });
    place.append(more);
  }
}

// Bars over time: height is dollars, or calls where nothing has a price.
function timeline(place, moments) {
  if (!moments.length) { place.append(make("p", {}, "No calls in this period.")); return; }
  const priced = moments.some((m) => m.cost_usd > 0);
  const value = (m) => priced ? m.cost_usd : m.calls;
  const [width, height, left, bottom] = [1100, 220, 60, 24];
  const most = Math.max(...moments.map(value)) || 1;
  const step = (width - left) / moments.length;
  const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": priced ? "Dollars over time" : "Calls over time" });
  for (const share of [0, 0.5, 1]) {
    const y = (height - bottom - 10) * (1 - share) + 10;
    svg.append(make("line", { x1: left, x2: width, y1: y, y2: y, stroke: "var(--line)" }));
    svg.append(make("text", { x: left - 6, y: y + 4, "text-anchor": "end" }, priced ? "$" + (most * share).toPrecision(3) : whole(most * share)));
  }
  moments.forEach((m, index) => {
    const size = value(m) / most * (height - bottom - 10);
    const x = left + index * step;
    const failed = m.calls ? size * m.failed / m.calls : 0;
    const label = `${m.at.slice(0, 16).replace("T", " ")}: ${money(m.cost_usd)}, ${whole(m.calls)} calls, ${whole(m.failed)} failed, ${tokens(m.tokens)} tokens`;
    svg.append(make("g", {}, make("title", {}, label),
      make("rect", { class: "bar", x: x + step * 0.1, width: Math.max(step * 0.8, 0.5), y: height - bottom - size, height: size, fill: "var(--a)" }),
      make("rect", { x: x + step * 0.1, width: Math.max(step * 0.8, 0.5), y: height - bottom - failed, height: failed, fill: "var(--c)" })));
    if (index % Math.ceil(moments.length / 8) === 0) svg.append(make("text", { x, y: height - 6 }, m.at.slice(5, 16).replace("T", " ")));
  });
  place.append(svg, make("p", {}, priced ? "Dollars; the red part is the share of calls that failed." : "Calls; the red part failed. Nothing here has a known price."));
}

function failures(place, { capacity, other, by_class }) {
  const all = capacity + other;
  if (!all) { place.append(make("p", {}, "Nothing failed.")); return; }
  const [width, row] = [520, 26];
  const most = Math.max(...by_class.map((c) => c.calls));
  const svg = make("svg", { viewBox: `0 0 ${width} ${by_class.length * row}`, role: "img", "aria-label": "Failures by class" });
  by_class.forEach((c, index) => {
    const y = index * row;
    svg.append(make("text", { x: 150, y: y + 16, "text-anchor": "end" }, c.class));
    svg.append(make("rect", { class: "bar", x: 158, y: y + 4, height: row - 8, width: Math.max(1, c.calls / most * 270), fill: c.capacity ? "var(--b)" : "var(--c)" }));
    svg.append(make("text", { x: 164 + c.calls / most * 270, y: y + 16 }, whole(c.calls)));
  });
  place.append(make("p", {}, `${whole(capacity)} for lack of capacity (orange), ${whole(other)} for other reasons (red).`), svg);
}

function figures(columns) {
  return [["calls", (r) => r.calls, whole], ["failed", (r) => r.failure_ratio, percent], ["in", (r) => r.input_tokens, tokens],
    ["out", (r) => r.output_tokens, tokens], ["USD", (r) => r.cost_usd, money], ["share", (r) => r.share, percent], ...(columns || [])];
}

at("period").textContent = `${report.from.slice(0, 16).replace("T", " ")} to ${report.to.slice(0, 16).replace("T", " ")} UTC, ${report.hosts} host(s)`;
const t = report.totals;
for (const [name, value] of [["calls", whole(t.calls)], ["spent", money(t.cost_usd)], ["tokens in", tokens(t.input_tokens)], ["tokens out", tokens(t.output_tokens)],
  ["failed", percent(t.failure_ratio)], ["of them capacity", t.failed ? percent(t.failed_capacity / t.failed) : "–"], ["retries", whole(t.retries)], ["lower bounds", whole(t.lower_bound_calls)]])
  at("totals").append(make("div", { class: "tile" }, make("b", {}, value), make("span", {}, name)));
timeline(at("timeline"), report.timeline);
table(at("groups"), "By " + report.by.replace("_", " "), report.groups, [[report.by.replace("_", " "), (r) => r.name], ...figures()]);
table(at("models"), "By model", report.models, [["model", (r) => r.name], ...figures()]);
failures(at("failures"), report.failures);
table(at("latency"), "Seconds, by model", report.models.filter((m) => m.duration_s), [["model", (r) => r.name],
  ["p50", (r) => r.duration_s.p50, seconds], ["p90", (r) => r.duration_s.p90, seconds], ["p99", (r) => r.duration_s.p99, seconds],
  ["first chunk p50", (r) => r.time_to_first_chunk_s?.p50, seconds], ["p99", (r) => r.time_to_first_chunk_s?.p99, seconds]]);
const runs = report.runs;
at("runs").textContent = runs
  ? `${whole(runs.runs)} runs with ${whole(runs.calls)} calls and ${whole(runs.tool_calls)} tool calls, the longest of ${whole(runs.longest_turns)} turns; ${whole(runs.retries)} retries; ${money(runs.cost_usd)}.`
  : "No runs of several turns were seen.";
table(at("gpus"), "Holders", report.gpus, [["holder", (r) => r.holder], ["GPU", (r) => r.name || r.gpu], ["held", (r) => r.held_s, hours], ["busy", (r) => r.busy_s, hours],
  ["idle", (r) => r.held_idle_s, hours], ["peak MiB", (r) => r.memory_peak_bytes / 1048576, whole], ["failures", (r) => r.failures, whole]]);
if (report.protect) {
  const plan = report.protect;
  table(at("protect"), `If ${plan.cut_percent} % of the capacity were cut`, [...plan.keep, ...[...plan.give_up].reverse()],
    [["workload", (r) => r.name], ["weight", (r) => r.weight], ["dependence", (r) => r.dependence, percent], ["tokens", (r) => r.tokens, tokens], ["gives up", (r) => r.given_up, percent]]);
} else at("protect").append(make("p", {}, "Ask with --protect PERCENT."));
for (const finding of report.findings)
  at("findings").append(make("div", { class: "finding" },
    make("p", {}, make("b", {}, finding.title), ` – ${finding.subject}` + (finding.usd_month === undefined ? "" : `, about ${money(finding.usd_month)} a month`)),
    make("p", {}, finding.evidence), make("p", { class: "advice" }, finding.advice)));
if (!report.findings.length) at("findings").append(make("p", {}, "Nothing stands out."));
document.body.dataset.drawn = "yes";
