// How did it sell, what is expected, and how will the stock go? Two panels over the same days, drawn by uPlot; the same
// figures stand in a table below for whoever cannot see them, or whose page has no charts.
import { el } from "./dom.js";
import { iso, longDay, rate, units } from "./words.js";

const SECONDS_A_DAY = 86_400;
const TOP = 180;
const BOTTOM = 160;
let library = null;
let plots = [];
let redraw = null;

/** The library, loaded once and only when a chart is wanted; rejected where it is not installed. */
export function charts() {
  library ??= new Promise((resolve, reject) => {
    document.head.append(el("link", { rel: "stylesheet", href: "/page/uPlot.css" }));
    const script = el("script", { src: "/page/uPlot.js" });
    script.onload = () => resolve(globalThis.uPlot);
    script.onerror = () => reject(new Error("no charts"));
    document.head.append(script);
  });
  return library;
}

export function forgetChart() {
  for (const plot of plots) plot.destroy();
  plots = [];
  redraw = null;
}

const observer = new ResizeObserver(() => resize());
document.addEventListener("theme", () => redraw?.());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => redraw?.());

function resize() {
  for (const plot of plots) {
    const width = plot.root.parentElement?.clientWidth;
    if (width && width !== plot.width) plot.setSize({ width, height: plot.height });
  }
}

/** Draws the panels into a figure. */
export async function drawChart(figure, said) {
  const days = said.sold.map((_, place) => said.first_day + place);
  figure.append(tableOf(said, days));
  if (!days.length) return;
  let uPlot;
  try {
    uPlot = await charts();
  } catch {
    figure.prepend(el("p", { class: "quiet" }, "Charts need the extra dashboard; the figures are below."));
    figure.querySelector("details").open = true;
    return;
  }
  if (!figure.isConnected) return;
  redraw = () => {
    if (!figure.isConnected) return;
    const had = plots;
    const made = panels(uPlot, said, days);
    figure.prepend(...made.map(({ title, keys, place }) => el("div", { class: "panel" }, el("p", { class: "panel-title" }, title, ...keys), place)));
    plots = made.map(({ options, data, place }) => new uPlot({ ...options, width: place.clientWidth || 640 }, data, place));
    for (const plot of had) plot.root.closest(".panel")?.remove();
    for (const plot of had) plot.destroy();
    figure.dataset.drawn = "true";
  };
  observer.disconnect();
  observer.observe(figure);
  redraw();
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

function panels(uPlot, said, days) {
  const seconds = days.map((each) => each * SECONDS_A_DAY);
  const today = said.as_of * SECONDS_A_DAY;
  const expected = said.mean.map((mean, place) => (days[place] >= said.as_of ? mean : null));
  const demand = {
    title: "Sold a day",
    keys: [key("sold", "sold"), key("band", "80 % of days expected within"), key("mean", "expected")],
    place: el("div", { class: "plot", role: "img", "aria-label": summary(said, days) }),
    data: [seconds, said.sold, said.high, said.low, expected],
    options: {
      ...common(uPlot, TOP, today),
      series: [
        {},
        { label: "sold", width: 0, fill: colour("bar"), stroke: colour("bar"), paths: uPlot.paths.bars({ size: [0.72, 14] }), points: { show: false } },
        { label: "P90", stroke: colour("band-line"), width: 1, paths: uPlot.paths.stepped({ align: 1 }), points: { show: false } },
        { label: "P10", stroke: colour("band-line"), width: 1, paths: uPlot.paths.stepped({ align: 1 }), points: { show: false } },
        { label: "expected", stroke: colour("mean"), width: 2, points: { show: false } },
      ],
      bands: [{ series: [2, 3], fill: colour("band") }],
    },
  };
  if (said.stock.every((each) => each === null)) return [demand];
  const flat = (value) => days.map((each) => (each >= said.as_of ? value : null));
  const ahead = said.late ? `Projected stock, without ${said.late} late ${said.late === 1 ? "order" : "orders"}` : "Projected stock";
  const stock = {
    title: ahead,
    keys: [key("stock", "stock at the day’s end"), key("reorder", "reorder point"), key("target", "target")],
    place: el("div", { class: "plot", role: "img", "aria-label": stockSummary(said, days) }),
    data: [seconds, said.stock, flat(said.reorder_point), flat(said.target)],
    options: {
      ...common(uPlot, BOTTOM, today),
      series: [
        {},
        { label: "stock", stroke: colour("stock"), fill: colour("stock-fill"), width: 2, points: { show: false } },
        { label: "reorder point", stroke: colour("reorder"), width: 1.5, dash: [6, 4], points: { show: false } },
        { label: "target", stroke: colour("target"), width: 1.5, dash: [2, 3], points: { show: false } },
      ],
    },
  };
  return [demand, stock];
}

function key(kind, text) {
  return el("span", { class: "key", "data-key": kind }, text);
}

function common(uPlot, height, today) {
  const axis = { stroke: colour("quiet"), grid: { stroke: colour("line"), width: 1 }, ticks: { show: false }, font: `11px ${getComputedStyle(document.body).fontFamily}` };
  return {
    height,
    tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
    legend: { show: false },
    cursor: { sync: { key: "days" }, points: { show: false }, drag: { x: false, y: false } },
    scales: { y: { range: (_, low, high) => [Math.min(0, low), Math.max(1, high * 1.08)] } },
    axes: [{ ...axis, grid: { show: false }, values: "{D} {MMM}", space: 70, size: 28 }, { ...axis, size: 44 }],
    hooks: { drawClear: [(plot) => shadeAhead(plot, today)], setCursor: [readOut] },
    padding: [8, 22, 0, 0],
  };
}

/** The days that are still to come lie on a ground of their own. */
function shadeAhead(plot, today) {
  const { ctx, bbox } = plot;
  const from = Math.max(bbox.left, plot.valToPos(today, "x", true));
  ctx.save();
  ctx.fillStyle = colour("ahead");
  ctx.fillRect(from, bbox.top, bbox.left + bbox.width - from, bbox.height);
  ctx.restore();
}

function readOut(plot) {
  const panel = plot.root.closest(".panel");
  if (!panel) return;
  let out = panel.querySelector(".read-out");
  if (!out) {
    out = el("p", { class: "read-out" });
    panel.append(out);
  }
  const place = plot.cursor.idx;
  if (place === null || place === undefined) {
    out.textContent = "";
    return;
  }
  const values = plot.series.slice(1).map((series, at) => [series.label, plot.data[at + 1][place]]);
  const said = values.filter(([, value]) => value !== null && value !== undefined).map(([label, value]) => `${label} ${rate(value)}`);
  out.textContent = `${longDay(plot.data[0][place] / SECONDS_A_DAY)}: ${said.join(", ") || "nothing"}`;
}

function summary(said, days) {
  const sold = said.sold.filter((each) => each !== null).reduce((sum, each) => sum + each, 0);
  const last = said.mean.at(-1);
  const ahead = last === null ? "No forecast yet." : `${rate(last)} units a day are expected, on 80 % of days ${units(said.low.at(-1))} to ${units(said.high.at(-1))}.`;
  return `${units(sold)} units sold from ${iso(days[0])} to ${iso(said.as_of - 1)}. ${ahead}`;
}

function stockSummary(said, days) {
  const empty = said.stock.findIndex((each) => each !== null && each <= 0);
  const end = empty < 0 ? `does not run out by ${iso(days.at(-1))}` : `runs out on ${iso(days[empty])}`;
  return `The projected stock ${end}. The reorder point is ${units(said.reorder_point)}, the target ${units(said.target)}.`;
}

function tableOf(said, days) {
  const heads = ["Day", "Sold", "P10", "Expected", "P90", "Stock"];
  const head = el("tr", {}, ...heads.map((name) => el("th", { scope: "col" }, name)));
  const table = el("table", {}, el("thead", {}, head));
  const details = el("details", { "data-name": "figures" }, el("summary", { "data-keep": "figures" }, "The figures as a table"), el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Figures of the charts" }, table));
  details.addEventListener("toggle", () => {
    if (!details.open || table.tBodies.length) return;
    const lines = days.map((each, at) => {
      const values = [said.sold[at], said.low[at], said.mean[at], said.high[at], said.stock[at]];
      return el("tr", {}, el("th", { scope: "row" }, iso(each)), ...values.map((value) => el("td", { class: "number" }, value === null ? "" : rate(value))));
    });
    table.append(el("tbody", {}, ...lines.reverse()));
  });
  return details;
}
