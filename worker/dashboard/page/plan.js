// How does a planner's word reach the queue? Each has a name of its own, made when its form is shown: sent twice, it
// counts once. The page changes nothing by itself: what became of it is seen when the worker has heard it.
import { byId, el, say } from "./dom.js";

let name = "";

/** Whether somebody is filling in a form of the view. */
export function isPlanning() {
  const active = document.activeElement;
  return Boolean(active?.closest?.("form.plan") && (active.value || active.tagName === "BUTTON"));
}

const newName = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

async function send(message, done) {
  const named = newName();
  const body = JSON.stringify({ ...message, ...(name ? { by: name } : {}), name: named });
  let error = "";
  for (let attempt = 0; attempt < 3; attempt += 1) {
    try {
      const answer = await fetch("/api/plan", { method: "POST", headers: { "Content-Type": "application/json" }, body });
      if (answer.status === 202) {
        tell("Sent. The worker takes it from here.");
        setTimeout(done, 1_200);
        return;
      }
      error = (await answer.json()).error;
      if (answer.status !== 503) break;
    } catch {
      error = "The worker is away.";
    }
    await new Promise((resolve) => setTimeout(resolve, 800));
  }
  tell(`Not sent: ${error}`);
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

function action(words, message, done, kind = "") {
  const press = async (event) => {
    event.target.disabled = true;
    await send(message(), done);
    event.target.disabled = false;
  };
  return el("button", { type: "button", class: kind, "data-keep": `${words} ${message().reorder_id ?? ""}`, on: { click: press } }, words);
}

/** What can be said of an order: approve or reject one that waits for it, give up one that is overdue. */
export function orderActions(order, product, done) {
  if (order.hold === "approval") {
    const quantity = el("input", {
      type: "number",
      min: 1,
      max: 100_000_000,
      value: order.quantity,
      "aria-label": `Units to approve of order ${order.reorder_id}`,
    });
    const approved = () => {
      const said = { type: "order_approved", product, reorder_id: order.reorder_id };
      return Number(quantity.value) === order.quantity ? said : { ...said, quantity: Number(quantity.value) };
    };
    const rejected = () => ({ type: "order_rejected", product, reorder_id: order.reorder_id });
    return el("form", { class: "plan", on: { submit: (event) => event.preventDefault() } }, quantity, action("Approve", approved, done, "main"), action("Reject", rejected, done));
  }
  if (order.overdue) {
    const closed = () => ({ type: "order_closed", product, reorder_id: order.reorder_id });
    return el("form", { class: "plan", on: { submit: (event) => event.preventDefault() } }, action("Give up what is outstanding", closed, done));
  }
  return null;
}

/** What a planner can say of the product itself. */
export function planOf(said, done) {
  const { product, plan } = said;
  const until = el("input", { type: "date", id: "freeze-until" });
  const quantity = el("input", { type: "number", id: "override-quantity", min: 1, max: 100_000_000 });
  const by = el("input", { type: "text", id: "planner", maxlength: 100, value: name, autocomplete: "name", on: { input: () => (name = by.value.trim()) } });
  const frozen = () => ({ type: "product_frozen", product, ...(until.value ? { until_on: until.value } : {}) });
  const overridden = () => ({ type: "quantity_overridden", product, quantity: Number(quantity.value) });
  const held = plan.frozen
    ? `Frozen ${plan.frozen.until_on ? `until ${plan.frozen.until_on}` : "until it is ended"}${plan.frozen.by ? ` by ${plan.frozen.by}` : ""}: nothing is ordered.`
    : "";
  const ahead = plan.override
    ? `The next order will be for ${plan.override.quantity} units${plan.override.by ? `, by ${plan.override.by}` : ""}.`
    : "";
  const field = (label, input) => el("div", { class: "field" }, el("label", { for: input.id }, label), input);
  return el(
    "section",
    {},
    el("h3", {}, "Plan"),
    held ? el("p", {}, held) : null,
    ahead ? el("p", {}, ahead) : null,
    el(
      "form",
      { class: "plan", on: { submit: (event) => event.preventDefault() } },
      field("Your name (optional)", by),
      plan.frozen
        ? action("End the freeze", () => ({ type: "product_unfrozen", product }), done)
        : el("div", { class: "pair" }, field("Freeze until (optional)", until), action("Freeze", frozen, done)),
      el("div", { class: "pair" }, field("Units of the next order", quantity), action("Override", overridden, done)),
    ),
  );
}
