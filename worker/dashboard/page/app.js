// What does the page do? It asks for a question's rows, listens for what is new, and keeps the question in its address.
import { byId, el, say } from "./dom.js";
import { allowPlanning, openProduct, refreshProduct } from "./product.js";
import { showStrip } from "./strip.js";
import { makeHeads, makeSort, markHeads, moveFocus, showPlace, showRows } from "./table.js";
import { markTiles, showTiles } from "./tiles.js";
import { longDay, units } from "./words.js";

const ROWS = 50;
const REFRESH_MS = 4_000;
const TYPING_MS = 60;
const CHIPS = [
  ["proposed", "Held orders"],
  ["frozen", "Frozen"],
  ["toorder", "To order"],
];

const question = { show: "", search: "", sort: "risk", direction: "down", start: 0 };
let newest = null;
let shownVersion = -1;
let shownAt = 0;
let asked = 0;

function readAddress() {
  const said = new URLSearchParams(location.search);
  for (const name of ["show", "search", "sort", "direction"]) if (said.has(name)) question[name] = said.get(name);
  question.start = Number.parseInt(said.get("start") ?? "0", 10) || 0;
  return said.get("product");
}

function writeAddress(product) {
  const said = new URLSearchParams();
  if (question.show) said.set("show", question.show);
  if (question.search) said.set("search", question.search);
  if (question.sort !== "risk" || question.direction !== "down") {
    said.set("sort", question.sort);
    said.set("direction", question.direction);
  }
  if (question.start) said.set("start", String(question.start));
  if (product) said.set("product", product);
  history.replaceState(null, "", `${location.pathname}${said.size ? `?${said}` : ""}`);
}

const parameters = () => new URLSearchParams({ ...question, start: String(question.start), rows: String(ROWS) });

async function ask() {
  const mine = ++asked;
  let answer;
  try {
    answer = await fetch(`/api/products?${parameters()}`);
  } catch {
    return; // The stream says that the worker is away, and asks again when it is back.
  }
  if (answer.status === 401) location.reload();
  if (mine !== asked || !answer.ok) return;
  const said = await answer.json();
  if (mine !== asked) return;
  if (!said.rows.length && question.start) {
    question.start = 0;
    ask();
    return;
  }
  shownVersion = said.version;
  shownAt = performance.now();
  showRows(said.rows, open);
  showPlace(said.found, said.start, said.rows.length, newest?.products ?? said.found);
  showEmpty(said.found);
  document.documentElement.dataset.ready = "true";
}

function showEmpty(found) {
  const empty = byId("empty");
  empty.hidden = found > 0;
  if (found) return;
  if (question.search || question.show) {
    const clear = el("button", { type: "button", on: { click: clearAll } }, "Show all products");
    empty.replaceChildren("No product is like that. ", clear);
  } else if (newest && !newest.filled) {
    empty.replaceChildren("Reading what was decided before. Products appear here as they are found.");
  } else {
    empty.replaceChildren("No product was decided yet. Send sales to the queue: each product appears here seconds later.");
  }
}

function clearAll() {
  byId("search").value = "";
  change({ show: "", search: "" });
  byId("search").focus();
}

function change(some) {
  Object.assign(question, { start: 0 }, some);
  writeAddress();
  mark();
  ask();
}

function mark() {
  markTiles(question.show);
  markHeads(question.sort, question.direction);
  for (const chip of byId("chips").children) chip.setAttribute("aria-pressed", String(chip.dataset.show === question.show));
  const all = parameters();
  all.delete("start");
  all.delete("rows");
  byId("export").href = `/api/products.csv?${all}`;
}

function open(product) {
  writeAddress(product);
  openProduct(product, { plans: newest?.plans ?? false, closed: () => writeAddress() });
}

function hear(said) {
  const before = newest;
  newest = said;
  showTiles(said, question.show, (show) => change({ show }));
  showStrip(said.operations);
  showChips(said);
  say(byId("day"), said.today === null ? "" : `As of ${longDay(said.today)}`);
  const day = new Date(said.at).toLocaleTimeString("en-GB", { timeZone: "UTC" });
  say(byId("live"), said.left_out ? `Live, ${units(said.left_out)} products left out` : "Live");
  byId("live").title = `Heard at ${day} UTC`;
  byId("live").dataset.state = "live";
  const first = before === null || before.products === 0;
  if (said.version !== shownVersion && (first || performance.now() - shownAt > REFRESH_MS)) {
    shownAt = performance.now();
    ask();
    refreshProduct();
  }
  if (before?.plans !== said.plans) allowPlanning(said.plans);
}

function showChips(said) {
  for (const [show, name] of CHIPS) {
    let chip = byId("chips").querySelector(`[data-show=${show}]`);
    if (!chip) {
      const choose = () => change({ show: question.show === show ? "" : show });
      chip = el("button", { type: "button", class: "chip", "data-show": show, "aria-pressed": "false", on: { click: choose } });
      byId("chips").append(chip);
      mark();
    }
    say(chip, said[show] === undefined ? name : `${name} ${units(said[show])}`);
  }
}

let stream = null;

function listen() {
  stream?.close();
  stream = new EventSource("/api/live");
  stream.onmessage = (event) => hear(JSON.parse(event.data));
  stream.onerror = () => {
    say(byId("live"), "The worker is away. Trying again");
    byId("live").dataset.state = "away";
    // A stream that was refused is not tried again by the browser.
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 3_000);
  };
}

function followVisibility() {
  if (document.hidden) {
    stream?.close();
    stream = null;
  } else if (!stream) {
    listen();
  }
}

function onKey(event) {
  const writing = event.target.closest("input, select, textarea");
  if (event.key === "Escape" && event.target === byId("search") && byId("search").value) clearAll();
  if (writing || event.ctrlKey || event.metaKey || event.altKey || byId("product").open) return;
  if (event.key === "/") {
    event.preventDefault();
    byId("search").focus();
  } else if (["j", "k", "ArrowDown", "ArrowUp"].includes(event.key)) {
    const inRows = byId("rows").contains(document.activeElement);
    if (event.key.startsWith("Arrow") && !inRows) return;
    event.preventDefault();
    moveFocus(event.key === "j" || event.key === "ArrowDown" ? 1 : -1);
  }
}

function turnTheme() {
  const after = { system: "light", light: "dark", dark: "system" };
  const next = after[document.documentElement.dataset.theme ?? "system"];
  if (next === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
  try {
    localStorage.setItem("theme", next);
  } catch {
    // It holds as long as the page is open.
  }
  sayTheme();
  document.dispatchEvent(new Event("theme"));
}

function sayTheme() {
  say(byId("theme"), `Theme: ${document.documentElement.dataset.theme ?? "system"}`);
}

let typing = 0;

function begin() {
  const product = readAddress();
  makeHeads((sort, direction) => change({ sort, direction }));
  makeSort((sort, direction) => change({ sort, direction }));
  byId("search").value = question.search;
  byId("search").addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => change({ search: byId("search").value }), TYPING_MS);
  });
  byId("asking").addEventListener("submit", (event) => event.preventDefault());
  byId("before").addEventListener("click", () => change({ start: Math.max(0, question.start - ROWS) }));
  byId("after").addEventListener("click", () => change({ start: question.start + ROWS }));
  byId("theme").addEventListener("click", turnTheme);
  document.addEventListener("keydown", onKey);
  document.addEventListener("visibilitychange", followVisibility);
  sayTheme();
  mark();
  ask();
  listen();
  if (product) open(product);
}

begin();
