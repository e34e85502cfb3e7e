// Which products are shown, and in which order? Few rows at a time: the server sorts and searches.
import { byId, el, say } from "./dom.js";
import { NOT_KNOWN, STATES, cover, day, iso, longDay, money, nameOf, reasonOf, runsOut, units } from "./words.js";

const COLUMNS = [
  { name: "product", head: "Product", ascends: true },
  { name: "status", head: "State", ascends: true },
  { name: "on_hand", head: "On hand", number: true },
  { name: "on_order", head: "On order", number: true },
  { name: "cover", head: "Cover", number: true, ascends: true, hint: "Days that the stock on hand lasts" },
  { name: "out_on", head: "Runs out", number: true, ascends: true, hint: "Projected stock-out date" },
  { name: "reorder_point", head: "Reorder point", number: true },
  { name: "suggested", head: "Suggested", number: true, hint: "Quantity to order" },
  { name: "order_by", head: "Order by", number: true, ascends: true, hint: "The last day on which an order is in time" },
  { name: "risk", head: "At risk a day", number: true, hint: "Daily demand at the last price, while it cannot be sold; in the currency of prices" },
  { name: "reason", head: "Why", unsorted: true },
];

/** Makes the heads. sort: called with a column and a direction. */
export function makeHeads(sort) {
  for (const column of COLUMNS) {
    const head = el("th", { scope: "col", class: column.number ? "number" : null, "data-column": column.name });
    if (column.unsorted) {
      head.append(column.head);
    } else {
      const turn = () => sort(column.name, directionAfter(head, column));
      head.append(el("button", { type: "button", title: column.hint, on: { click: turn } }, column.head));
    }
    byId("heads").append(head);
  }
}

function directionAfter(head, column) {
  const now = head.getAttribute("aria-sort");
  if (now === null) return column.ascends ? "up" : "down";
  return now === "ascending" ? "down" : "up";
}

/** Makes the choice of an order where there is no room for heads. sort: called with a column and a direction. */
export function makeSort(sort) {
  const choice = byId("sort");
  for (const column of COLUMNS.filter((each) => !each.unsorted)) {
    for (const way of column.ascends ? ["up", "down"] : ["down", "up"]) {
      choice.append(el("option", { value: `${column.name} ${way}` }, `${column.head} ${way === "up" ? "↑" : "↓"}`));
    }
  }
  choice.addEventListener("change", () => sort(...choice.value.split(" ")));
}

/** Marks the column that is sorted by. */
export function markHeads(sorted, direction) {
  byId("sort").value = `${sorted} ${direction}`;
  for (const head of byId("heads").children) {
    if (head.dataset.column !== sorted) head.removeAttribute("aria-sort");
    else head.setAttribute("aria-sort", direction === "up" ? "ascending" : "descending");
  }
}

/** Shows rows. open: called with a product's label. Whatever had the focus keeps it, if it is still there. */
export function showRows(rows, open) {
  const focused = document.activeElement?.closest?.("tr")?.dataset.product;
  const made = rows.map((row) => rowOf(row, open));
  byId("rows").replaceChildren(...made);
  if (focused === undefined) return;
  const again = made.find((row) => row.dataset.product === focused) ?? made[0];
  again?.querySelector("button").focus({ preventScroll: true });
}

function rowOf(row, open) {
  const { product, location } = nameOf(row.product);
  const name = el("button", { type: "button", class: "name", on: { click: () => open(row.product) } }, product);
  const about = [location, row.category].filter(Boolean).join(" · ");
  const cells = [
    cell("product", el("div", {}, name, about ? el("span", { class: "about" }, about) : null)),
    cell("status", el("span", { class: "state", "data-status": row.status }, STATES[row.status].short)),
    number("on_hand", units(row.on_hand), row.on_hand !== null && row.on_hand <= 0),
    number("on_order", units(row.on_order)),
    number("cover", row.on_hand === null ? NOT_KNOWN : row.cover === null ? "no demand" : cover(row.cover)),
    dated("out_on", row.out_on, runsOut(row)),
    number("reorder_point", units(row.reorder_point)),
    number("suggested", row.suggested ? units(row.suggested) : ""),
    orderBy(row),
    number("risk", row.risk ? money(row.risk) : row.risk === null ? "no price" : ""),
    cell("reason", reasonOf(row)),
  ];
  if (row.frozen) cells[0].firstChild.append(el("span", { class: "badge" }, "frozen"));
  const line = el("tr", { "data-product": row.product }, ...cells);
  line.addEventListener("click", (event) => {
    if (!event.target.closest("button") && !String(getSelection())) open(row.product);
  });
  return line;
}

const headOf = (name) => COLUMNS.find((column) => column.name === name).head;

function cell(name, ...content) {
  return el("td", { "data-column": name, "data-head": headOf(name) }, ...content);
}

function number(name, text, bad = false) {
  return el("td", { class: bad ? "number bad" : "number", "data-column": name, "data-head": headOf(name) }, text);
}

function dated(name, value, text) {
  const made = number(name, text);
  if (value !== null) made.title = longDay(value);
  return made;
}

function orderBy(row) {
  if (row.order_by === null) return number("order_by", NOT_KNOWN);
  if (row.order_by > row.as_of) return dated("order_by", row.order_by, day(row.order_by, row.as_of));
  const late = row.as_of - row.order_by;
  const made = number("order_by", late ? "now" : "today", true);
  made.title = late ? `It was to be ordered by ${iso(row.order_by)}` : "";
  return made;
}

/** Moves the focus from row to row. */
export function moveFocus(step) {
  const names = [...byId("rows").querySelectorAll("button.name")];
  const at = names.indexOf(document.activeElement);
  names[Math.max(0, Math.min(names.length - 1, at < 0 ? 0 : at + step))]?.focus();
}

/** Says how many were found, and where in them the page is. */
export function showPlace(found, start, shown, total) {
  say(byId("found"), found === total ? `${units(total)} products` : `${units(found)} of ${units(total)} products`);
  say(byId("place"), found ? `${units(start + 1)}–${units(start + shown)} of ${units(found)}` : "");
  byId("before").disabled = start === 0;
  byId("after").disabled = start + shown >= found;
  byId("pager").hidden = found <= shown && start === 0;
}
