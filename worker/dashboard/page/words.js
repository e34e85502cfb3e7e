// How do numbers and states read? One place for every word and format that a planner sees twice.

const MS_PER_DAY = 86_400_000;
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const hundredth = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const dated = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
const short = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
const long = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });

export const NOT_KNOWN = "–";

export const STATES = {
  out: { name: "Stocked out", worth: "in sales at risk a day", short: "Stocked out" },
  soon: { name: "Out before delivery", worth: "in sales at risk a day", short: "Out before delivery" },
  overdue: { name: "Order overdue", worth: "in value not delivered", short: "Order overdue" },
  excess: { name: "Excess", worth: "in value above target", short: "Excess" },
  fine: { name: "Fine", worth: "in value in stock", short: "Fine" },
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

/** Why nothing more is ordered of it, or what is. What is out is not said to have enough: what comes is said instead. */
export function reasonOf(row) {
  const urgent = row.status === "out" || row.status === "soon";
  const plain = row.reason === "enough" && urgent && (row.on_order > 0 || row.status === "out") ? coming(row) : REASONS[row.reason];
  const overdue = row.overdue ? `${units(row.overdue)} overdue. ` : "";
  if (!row.frozen || row.reason === "frozen") return overdue + plain;
  return `${overdue}Frozen. ${plain}`;
}

function coming(row) {
  if (!(row.on_order > 0)) return "Nothing on order";
  return `${units(row.on_order)} on order, ${row.due_on === null ? "nothing dated" : `due ${day(row.due_on, row.as_of)}`}`;
}

/** When it runs out, beside a product's own today. */
export const runsOut = (row) => (row.status === "out" ? "is out" : day(row.out_on, row.as_of));

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
export const rate = (n) => (n === null || n === undefined ? NOT_KNOWN : n > 0 && n < 1 ? hundredth.format(n) : n < 10 ? tenth.format(n) : whole.format(n));

/** Minor units as money, in whatever currency prices come; large sums in few digits. */
export function money(minor) {
  if (minor === null || minor === undefined) return NOT_KNOWN;
  const major = minor / 100;
  return Math.abs(major) >= 10_000 ? compact.format(major) : Math.abs(major) >= 100 ? whole.format(major) : hundredth.format(major);
}

export const iso = (day) => new Date(day * MS_PER_DAY).toISOString().slice(0, 10);
const yearOf = (day) => new Date(day * MS_PER_DAY).getUTCFullYear();

/** A day, with its year if that is not the one of today. */
export function day(n, today) {
  if (n === null || n === undefined) return NOT_KNOWN;
  return (yearOf(n) === yearOf(today) ? short : dated).format(n * MS_PER_DAY);
}
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
