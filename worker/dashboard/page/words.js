// How do numbers and states read? One place for every word and format that a planner sees twice.

const MS_PER_DAY = 86_400_000;
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const cents = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const short = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
const long = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });

export const NOT_KNOWN = "–";

export const STATES = {
  out: { name: "Stocked out", worth: "a day at risk", short: "Stocked out" },
  soon: { name: "Out before delivery", worth: "a day at risk", short: "Out before delivery" },
  overdue: { name: "Order overdue", worth: "not delivered", short: "Order overdue" },
  excess: { name: "Excess", worth: "above target", short: "Excess" },
  fine: { name: "Fine", worth: "in stock", short: "Fine" },
  unknown: { name: "Stock unknown", worth: "", short: "Stock unknown" },
};

export const REASONS = {
  enough: "Enough on hand and on order",
  "stock unknown": "The shop has no record of it",
  frozen: "Needed, but frozen",
  "no room below the maximum stock": "Needed, but over the maximum",
  "too many open orders": "Needed, but too many open orders",
  ordered: "Just ordered",
  overridden: "Just ordered, as a planner said",
  due: "An order is due",
  approval: "Waits for your approval",
  review: "Waits for the supplier’s day",
};

export const ORDER_STATES = {
  proposed: "Proposed",
  requested: "Requested",
  confirmed: "Confirmed",
  shipped: "Shipped",
  partly_received: "Partly received",
  closed: "Received",
  cancelled: "Cancelled",
  over: "Over",
};

export const units = (n) => (n === null || n === undefined ? NOT_KNOWN : whole.format(n));
export const rate = (n) => (n === null || n === undefined ? NOT_KNOWN : n < 10 ? tenth.format(n) : whole.format(n));

/** Minor units as money; large sums in few digits. */
export function money(minor) {
  if (minor === null || minor === undefined) return NOT_KNOWN;
  const major = minor / 100;
  return Math.abs(major) >= 10_000 ? compact.format(major) : Math.abs(major) >= 100 ? whole.format(major) : cents.format(major);
}

export const iso = (day) => new Date(day * MS_PER_DAY).toISOString().slice(0, 10);
export const day = (n) => (n === null || n === undefined ? NOT_KNOWN : short.format(n * MS_PER_DAY));
export const longDay = (n) => long.format(n * MS_PER_DAY);
export const dayOf = (text) => Math.floor(Date.parse(`${text}T00:00:00Z`) / MS_PER_DAY);

export function cover(days) {
  if (days === null || days === undefined) return NOT_KNOWN;
  return days > 999 ? "> 999 d" : `${days < 10 ? tenth.format(days) : whole.format(days)} d`;
}

export function duration(ms) {
  if (ms === null || ms === undefined) return NOT_KNOWN;
  if (ms < 1000) return `${whole.format(ms)} ms`;
  if (ms < 120_000) return `${tenth.format(ms / 1000)} s`;
  if (ms < 7_200_000) return `${whole.format(ms / 60_000)} min`;
  return ms < 172_800_000 ? `${whole.format(ms / 3_600_000)} h` : `${whole.format(ms / MS_PER_DAY)} days`;
}

/** A label as people read it: the product, and its location if it has one. */
export function nameOf(label) {
  const [product, location] = label.split("#").map((part) => part.replaceAll("%23", "#").replaceAll("%25", "%"));
  return { product, location: location ?? "" };
}
