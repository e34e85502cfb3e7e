// What is there to know of one product, and what may a planner say of it?
import { drawChart, forgetChart } from "./chart.js";
import { byId, el } from "./dom.js";
import { isPlanning, keepSaid, orderActions, planOf } from "./plan.js";
import { NOT_KNOWN, ORDER_STATES, STATES, cover, day, dayOf, money, nameOf, rate, reasonOf, runsOut, units } from "./words.js";

let shown = null;
let drawn = "";

/** Opens the view of a product. how: whether planning is allowed, and what to do when the view closes. */
export async function openProduct(label, how) {
  const dialog = byId("product");
  shown = { label, ...how };
  drawn = "";
  const name = nameOf(label).product;
  dialog.replaceChildren(heading(name, ""), el("p", { class: "waiting" }, "Reading"));
  dialog.onclose = () => {
    if (dialog.open) return; // It was opened again before it was told that it had closed.
    shown = null;
    forgetChart();
    dialog.replaceChildren();
    keepSaid();
    how.closed();
  };
  dialog.onclick = (event) => {
    if (event.target === dialog) dialog.close();
  };
  if (!dialog.open) dialog.showModal();
  await read();
}

/** Reads the open view again, unless somebody is filling in a form in it. */
export async function refreshProduct() {
  if (shown && !isPlanning()) await read();
}

/** Says whether planning is allowed, which a view that was opened by its own address could not know. */
export async function allowPlanning(plans) {
  if (!shown || shown.plans === plans) return;
  shown.plans = plans;
  await read();
}

async function read() {
  const mine = shown;
  let said;
  let error = "";
  try {
    const answer = await fetch(`/api/product?label=${encodeURIComponent(mine.label)}`);
    said = await answer.json();
    if (!answer.ok) error = said.error;
  } catch {
    error = "The worker is away.";
  }
  // A draft may have been begun while the answer was on its way.
  if (mine !== shown || isPlanning()) return;
  if (error && drawn) return; // What was read before is better than nothing.
  if (error) byId("product").replaceChildren(heading(nameOf(mine.label).product, ""), el("p", { class: "waiting" }, error));
  else show(said);
}

function heading(name, about) {
  const close = () => byId("product").close();
  return el(
    "div",
    { class: "top" },
    el("div", {}, el("h2", { id: "product-name" }, name), about ? el("p", { class: "about" }, about) : null),
    el("button", { type: "button", class: "plain", "data-keep": "close", on: { click: close } }, "Close"),
  );
}

function show(said) {
  const text = JSON.stringify([said, shown.plans]);
  if (text === drawn) return;
  const dialog = byId("product");
  const top = dialog.scrollTop;
  const opened = new Set([...dialog.querySelectorAll("details[open]")].map((details) => details.dataset.name));
  const held = document.activeElement?.closest?.("[data-keep]")?.dataset.keep;
  drawn = text;
  const about = [said.location_id, said.category].filter(Boolean).join(" · ");
  const figure = el("figure", { class: "charts" });
  dialog.replaceChildren(
    heading(said.product_id, about),
    said.row ? facts(said.row) : el("p", {}, "It was not decided yet."),
    figure,
    why(said),
    orders(said),
    shown.plans ? planOf(said, refreshProduct) : "",
    insight(said.insight),
  );
  keepSaid();
  for (const details of dialog.querySelectorAll("details")) details.open = opened.has(details.dataset.name);
  dialog.scrollTop = top;
  // Nobody who reads by keyboard is thrown out of the view because it was drawn anew.
  (dialog.querySelector(`[data-keep="${CSS.escape(held ?? "close")}"]`) ?? dialog.querySelector("[data-keep=close]")).focus({ preventScroll: true });
  drawChart(figure, said.chart);
}

function facts(row) {
  const fact = (name, value, hint) => el("div", { title: hint }, el("dt", {}, name), el("dd", {}, value));
  const late = row.order_by !== null && row.order_by <= row.as_of;
  return el(
    "div",
    {},
    el("p", { class: "verdict" }, el("span", { class: "state", "data-status": row.status }, STATES[row.status].name), reasonOf(row)),
    el(
      "dl",
      { class: "facts" },
      fact("On hand", units(row.on_hand)),
      fact("On order", units(row.on_order)),
      fact("Cover", row.on_hand === null ? NOT_KNOWN : row.cover === null ? "no demand" : cover(row.cover)),
      fact("Runs out", runsOut(row)),
      fact("Order by", row.order_by === null ? NOT_KNOWN : late ? "now" : day(row.order_by, row.as_of)),
      fact("Reorder point", units(row.reorder_point)),
      fact("Target", units(row.target)),
      fact("Sells a day", rate(row.daily)),
      fact("Last price", money(row.unit), "In the currency of prices"),
      fact("At risk a day", row.risk === null ? "no price" : money(row.risk), "Daily demand at the last price, while it cannot be sold"),
    ),
  );
}

function why(said) {
  if (!said.why.length) return "";
  return el("section", {}, el("h3", {}, "Why, as of now"), el("ul", { class: "why" }, ...said.why.map((line) => el("li", {}, line))));
}

function orders(said) {
  const list = said.orders.map((order) => orderOf(order, said));
  const body = list.length ? el("ol", { class: "orders" }, ...list) : el("p", { class: "quiet" }, "It was never ordered.");
  return el("section", {}, el("h3", {}, "Orders"), body);
}

function orderOf(order, said) {
  const today = said.chart.as_of;
  const when = day(dayOf(order.decided_at.slice(0, 10)), today);
  const due = order.due_on ? `due ${day(dayOf(order.due_on), today)}` : order.hold === "review" ? "waits for the supplier’s day" : "";
  const reasons = order.why.length
    ? el("details", { "data-name": order.reorder_id }, el("summary", { "data-keep": `why ${order.reorder_id}` }, "Why"), el("ul", { class: "why" }, ...order.why.map((line) => el("li", {}, line))))
    : null;
  return el(
    "li",
    {},
    el(
      "p",
      { class: "order" },
      el("strong", {}, `${units(order.quantity)} units`),
      el("span", { class: order.overdue ? "badge bad" : "badge" }, stateOf(order)),
      el("span", { class: "quiet" }, [due, order.supplier, `decided ${when}`].filter(Boolean).join(", ")),
    ),
    shown.plans ? orderActions(order, said, refreshProduct) : null,
    reasons,
  );
}

function stateOf(order) {
  const part = order.received > 0 && order.received < order.quantity ? `, ${units(order.received)} of ${units(order.quantity)} received` : "";
  if (order.overdue) return `Overdue${part}`;
  if (order.hold === "approved" || order.hold === "released") return "Approved";
  // Of a closed order that brought less than was asked for the rest is not waited for any more.
  const state = part && order.status === "closed" ? "Closed" : part && order.status === "partly_received" ? "Open" : ORDER_STATES[order.status];
  return state + part;
}

const LISTS = [
  ["factors", "What drives it"],
  ["recommendations", "Recommended"],
  ["risks", "Risks"],
  ["inventory_suggestions", "About the stock"],
];

function insight(said) {
  if (!said) return "";
  const lists = LISTS.filter(([name]) => said[name].length).map(([name, title]) =>
    el("div", {}, el("h4", {}, title), el("ul", {}, ...said[name].map((line) => el("li", {}, line)))),
  );
  const source = `Written by ${said.source === "rules" ? "rules" : said.model || said.source || "a language model"} at ${said.occurred_at.slice(0, 16).replace("T", " ")} UTC. Words never change a quantity.`;
  return el(
    "section",
    { class: "insight" },
    el("h3", {}, "Insight"),
    said.headline ? el("p", {}, said.headline) : null,
    ...lists,
    el("p", { class: "quiet" }, source),
  );
}

