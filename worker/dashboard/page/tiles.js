// How many products need somebody, what is it worth, and is it getting better? A tile is a button: it shows those alone.
import { byId, el, say, svg } from "./dom.js";
import { STATES, duration, money, units } from "./words.js";

const WIDTH = 96;
const HEIGHT = 24;
const made = new Map();

/** Shows the tiles. show: the state that is shown alone; choose: called with a state, or nothing to show all. */
export function showTiles(said, show, choose) {
  for (const tile of said.tiles) {
    if (tile.status === "unknown" && !tile.count && !made.has("unknown")) continue;
    if (!made.has(tile.status)) made.set(tile.status, newTile(tile.status, choose));
    update(made.get(tile.status), tile, said.since_s, show);
  }
}

/** Marks which tile is chosen, without waiting for figures. */
export function markTiles(show) {
  for (const [status, parts] of made) parts.button.setAttribute("aria-pressed", String(show === status));
}

function newTile(status, choose) {
  const parts = {
    count: el("strong", { class: "count" }),
    worth: el("span", { class: "worth" }),
    trend: el("span", { class: "trend" }),
    line: svg("path", { fill: "none" }),
  };
  const spark = svg("svg", { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" }, parts.line);
  const chosen = () => choose(parts.button.getAttribute("aria-pressed") === "true" ? "" : status);
  parts.button = el(
    "button",
    { type: "button", class: "tile", "data-status": status, "aria-pressed": "false", on: { click: chosen } },
    el("span", { class: "state", "data-status": status }, STATES[status].name),
    parts.count,
    parts.worth,
    parts.trend,
    spark,
  );
  byId("tiles").append(parts.button);
  return parts;
}

function update(parts, tile, since_s, show) {
  say(parts.count, units(tile.count));
  say(parts.worth, worthOf(tile));
  say(parts.trend, [trendOf(tile.trend, since_s), unpriced(tile)].filter(Boolean).join(", ") || " ");
  parts.trend.dataset.way = tile.trend === 0 ? "same" : (tile.trend > 0) === (tile.status === "fine") ? "better" : "worse";
  parts.button.setAttribute("aria-pressed", String(show === tile.status));
  parts.line.setAttribute("d", sparkline([...tile.past, tile.count]));
}

function worthOf(tile) {
  if (!STATES[tile.status].worth || !tile.count) return " ";
  return tile.unpriced === tile.count ? "no price is known" : `${money(tile.value_minor)} ${STATES[tile.status].worth}`;
}

const unpriced = (tile) => (tile.unpriced && tile.unpriced < tile.count ? `${units(tile.unpriced)} without a price` : "");

function trendOf(change, since_s) {
  if (since_s < 15) return "";
  const when = `in ${since_s < 120 ? `${since_s} s` : duration(since_s * 1000)}`;
  if (change === 0) return `no change ${when}`;
  return `${change > 0 ? "+" : "−"}${units(Math.abs(change))} ${when}`;
}

function sparkline(past) {
  if (past.length < 3) return "";
  const low = Math.min(...past);
  const span = Math.max(...past) - low || 1;
  const at = (value, place) => {
    const x = (place / (past.length - 1)) * (WIDTH - 2) + 1;
    return `${x.toFixed(1)},${(HEIGHT - 2 - ((value - low) / span) * (HEIGHT - 4)).toFixed(1)}`;
  };
  return `M${past.map(at).join("L")}`;
}
