// How does a planner's word reach the queue? Each has a name of its own, made when it is sent and kept while it is tried
// again: it counts once. The page changes nothing by itself: what became of it is seen when the worker has heard it.
import { byId, el, say } from "./dom.js";
import { iso } from "./words.js";

const UNITS_MAX = 100_000_000;
let name = "";
let sending = 0;

/** Whether a form of the view holds a draft, or is being sent: then it must not be drawn anew. */
export function isPlanning() {
  const fields = [...byId("product").querySelectorAll("form.plan input")];
  return sending > 0 || fields.some((field) => field.value !== field.defaultValue || field.validity.badInput);
}

const newName = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

async function send(message) {
  const named = newName();
  const body = JSON.stringify({ ...message, ...(name ? { by: name } : {}), name: named });
  let error = "";
  for (let attempt = 0; attempt < 3; attempt += 1) {
    try {
      const answer = await fetch("/api/plan", { method: "POST", headers: { "Content-Type": "application/json" }, body });
      if (answer.status === 202) {
        tell("Sent. The worker takes it from here.");
        return true;
      }
      error = (await answer.json()).error;
      if (answer.status !== 503) break;
    } catch {
      error = "The worker is away.";
    }
    await new Promise((resolve) => setTimeout(resolve, 800));
  }
  tell(`Not sent: ${error}`);
  return false;
}

const box = byId("said");
let fading = 0;

function tell(text) {
  keepSaid();
  say(box, text);
  clearTimeout(fading);
  fading = setTimeout(() => say(box, ""), 6_000);
}

/** A dialog lies over everything else of the page: what is said stands in it while it is open. */
export function keepSaid() {
  const place = byId("product").open ? byId("product") : document.body;
  if (box.parentElement !== place) place.append(box);
}

/** A form that sends a message: its submit button and Enter do, if the browser finds nothing wrong with its fields. */
function plan(words, message, done, ...fields) {
  const form = el("form", { class: "plan", "data-plan": words }, ...fields, submit(words, message));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    press(form, message, done);
  });
  return form;
}

const submit = (words, message) => el("button", { type: "submit", "data-keep": `${words} ${message().reorder_id ?? ""}` }, words);

async function press(form, message, done) {
  if (!form.reportValidity()) return;
  const said = message();
  const buttons = [...form.querySelectorAll("button")];
  sending += 1;
  for (const button of buttons) button.disabled = true;
  const sent = await send(said);
  for (const button of buttons) button.disabled = false;
  sending -= 1;
  if (!sent) return; // What was typed stays, to be sent again.
  form.reset();
  setTimeout(done, 1_200);
}

function field(label, input) {
  return el("div", { class: "field" }, el("label", { for: input.id }, label), input);
}

/** What can be said of an order: approve or reject one that waits for it, give up one that is overdue. */
export function orderActions(order, said, done) {
  const about = { product: said.product, reorder_id: order.reorder_id };
  if (order.hold === "approval") {
    const label = `Units to approve of order ${order.reorder_id}`;
    const keep = `units ${order.reorder_id}`;
    const quantity = el("input", { type: "number", min: 1, max: UNITS_MAX, required: true, value: order.quantity, "aria-label": label, "data-keep": keep });
    const approved = () => {
      const units = Number(quantity.value);
      return { type: "order_approved", ...about, ...(units === order.quantity ? {} : { quantity: units }) };
    };
    const form = plan("Approve", approved, done, quantity);
    form.querySelector("button").classList.add("main");
    const rejected = () => {
      form.reset(); // Units that were typed are not rejected: the order is.
      press(form, () => ({ type: "order_rejected", ...about }), done);
    };
    form.append(el("button", { type: "button", "data-keep": `Reject ${order.reorder_id}`, on: { click: rejected } }, "Reject"));
    return form;
  }
  if (order.overdue) return plan("Give up what is outstanding", () => ({ type: "order_closed", ...about }), done);
  return null;
}

/** What a planner can say of the product itself. Days before the product's own today are refused. */
export function planOf(said, done) {
  const today = iso(said.chart.as_of);
  const by = el("input", { type: "text", id: "planner", maxlength: 100, value: name, autocomplete: "name", "data-keep": "planner" });
  by.addEventListener("input", () => (name = by.value.trim()));
  return el(
    "section",
    {},
    el("h3", {}, "Plan"),
    ...standing(said.plan).map((line) => el("p", {}, line)),
    el("div", { class: "plan" }, field("Your name (optional)", by)),
    freezing(said, today, done),
    overriding(said, done),
    said.plan.override ? withdrawal(said, done) : null,
  );
}

function standing({ frozen, override }) {
  const by = (who) => (who ? ` by ${who}` : "");
  const lines = [];
  if (frozen) lines.push(`Frozen ${frozen.until_on ? `until ${frozen.until_on}` : "until it is ended"}${by(frozen.by)}: nothing is ordered.`);
  if (override) lines.push(`The next order will be for ${override.quantity} units${override.by ? `, by ${override.by}` : ""}.`);
  return lines;
}

function freezing({ product, plan: { frozen } }, today, done) {
  if (frozen) return plan("End the freeze", () => ({ type: "product_unfrozen", product }), done);
  const until = el("input", { type: "date", id: "freeze-until", min: today, "data-keep": "freeze-until" });
  const message = () => ({ type: "product_frozen", product, ...(until.value ? { until_on: until.value } : {}) });
  return plan("Freeze", message, done, field("Freeze until (optional)", until));
}

function overriding({ product }, done) {
  const quantity = el("input", { type: "number", id: "override-quantity", min: 1, max: UNITS_MAX, required: true, "data-keep": "override-quantity" });
  const message = () => ({ type: "quantity_overridden", product, quantity: Number(quantity.value) });
  return plan("Override", message, done, field("Units of the next order", quantity));
}

/** The newest word holds: one that held until yesterday takes back the one before, and orders nothing itself. */
function withdrawal({ product, plan: { override }, chart }, done) {
  const message = () => ({ type: "quantity_overridden", product, quantity: override.quantity, until_on: iso(chart.as_of - 1) });
  return plan("Withdraw the override", message, done);
}
