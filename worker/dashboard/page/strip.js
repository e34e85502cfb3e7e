// How is the worker doing? A strip of figures, each with its meaning on hover.
import { byId, el, say } from "./dom.js";
import { NOT_KNOWN, duration, rate, units } from "./words.js";

const percent = (n) => (n === null ? NOT_KNOWN : `${n.toFixed(0)} %`);

const FIGURES = [
  ["Event lag", (o) => duration(o.lag_ms), "Wall clock less the time of the newest sale"],
  ["Sale to decision", (o) => duration(o.sale_to_decision_ms), "How long the last product waited to be decided"],
  ["Events a second", (o) => rate(o.events_per_s), "Over the last ten seconds, in this worker"],
  ["Sales counted", (o) => units(o.applied), "Since this worker started"],
  ["Duplicates", (o) => units(o.duplicates), "Sales that came again and counted once"],
  ["Late", (o) => units(o.late), "Sales older than the horizon, kept aside"],
  ["Quarantined", (o) => units(o.quarantined), "Lines that cannot be counted, kept with the reason", (o) => o.quarantined > 0],
  ["Waiting", (o) => units(o.waiting ?? 0), "Products that wait for a decision"],
  ["Fallbacks", fallbacks, "Forecasts by the baseline, because the model did not answer", (o) => o.fallback_forecasts > 0],
  ["Forecast error", accuracy, "Absolute error of a week’s totals a unit sold (WAPE), and that of the baseline"],
  ["Orders decided", (o) => units(o.ordered), "Since this worker started"],
  ["Insights", (o) => units(o.insights), "Published since this worker started"],
];

function fallbacks(o) {
  return o.fallback_forecasts || o.model_forecasts
    ? `${units(o.fallback_forecasts)} of ${units(o.fallback_forecasts + o.model_forecasts)}`
    : NOT_KNOWN;
}

function accuracy(o) {
  return o.wape_percent === null ? "not measured yet" : `${percent(o.wape_percent)}, baseline ${percent(o.baseline_wape_percent)}`;
}

const made = new Map();

export function showStrip(operations) {
  for (const [name, figure, meaning, isBad] of FIGURES) {
    if (!made.has(name)) {
      made.set(name, el("dd", { "data-figure": name }));
      byId("operations").append(el("div", { title: meaning }, el("dt", {}, name), made.get(name)));
    }
    say(made.get(name), figure(operations));
    made.get(name).classList.toggle("bad", Boolean(isBad?.(operations)));
  }
}
