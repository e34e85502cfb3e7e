"""What do we measure? Every metric stands here, with its unit and its meaning."""

from __future__ import annotations

from enum import Enum


class Metric(Enum):
    """(name, CloudWatch unit, meaning). Counts are summed, the others are observed."""

    SALES_RECEIVED = ("SalesReceived", "Count", "sales decoded or refused, one for each delivery")
    SALES_APPLIED = ("SalesApplied", "Count", "sales counted into a product's state")
    SALES_DUPLICATE = ("SalesDuplicate", "Count", "sales whose id was counted before")
    SALES_LATE = (
        "SalesLate",
        "Count",
        "sales older than the product's newest day less the horizon, kept aside",
    )
    SALES_QUARANTINED = ("SalesQuarantined", "Count", "lines that cannot be counted, kept with the reason")
    OTHER_APPLIED = (
        "OtherEventsApplied",
        "Count",
        "corrections of sales, and stock, promotion, shipment and cancellation events applied",
    )
    MESSAGES = ("Messages", "Count", "queue messages settled")
    STREAM_RECORDS = ("StreamRecords", "Count", "records read from a table's stream, one for each reading")
    STREAM_TRIMMED = (
        "StreamTrimmed",
        "Count",
        "times that records were gone from a stream before they were read: alarm, and rebuild",
    )
    STREAM_LAG = ("StreamLag", "Milliseconds", "wall clock less the time of the newest record of a read")
    STREAM_UNREAD = (
        "StreamUnread",
        "Milliseconds",
        "time since the shard that waits longest was last read, by whichever worker",
    )
    STREAM_BURIED = (
        "StreamRecordsBuried",
        "Count",
        "records that could not be settled in many attempts and were quarantined",
    )
    SHARDS_OWNED = ("ShardsOwned", "Count", "shards that this worker reads")
    LEASES_TAKEN = ("LeasesTaken", "Count", "shards that this worker began to read")
    LEASES_LOST = ("LeasesLost", "Count", "shards that another worker took from this one")
    COMMIT_RETRIES = (
        "CommitRetries",
        "Count",
        "product commits that lost to another writer or failed, and were redone",
    )
    EVENT_LAG = ("EventLag", "Milliseconds", "wall clock less event time of the newest sale of a batch")
    BATCH_SALES = ("BatchSales", "Count", "sales in a micro-batch")
    DECODE_TIME = ("DecodeTime", "Milliseconds", "time to decode a micro-batch")
    COMMIT_TIME = ("CommitTime", "Milliseconds", "time to load, fold and commit a micro-batch")
    ACKNOWLEDGE_TIME = ("AcknowledgeTime", "Milliseconds", "time to delete a micro-batch's messages")
    DECIDE_TIME = (
        "DecideTime",
        "Milliseconds",
        "time to read stock, forecast and decide a batch of products",
    )
    SALE_TO_DECISION = (
        "SaleToDecision",
        "Milliseconds",
        "from a product's first undecided commit to its decision",
    )
    FORECAST_CALLS = ("ForecastCalls", "Count", "requests sent to the model endpoint")
    FORECAST_TIME = ("ForecastTime", "Milliseconds", "time of a request to the model endpoint")
    FORECASTS_MODEL = ("ForecastsByModel", "Count", "product forecasts answered by the model")
    FORECASTS_FALLBACK = (
        "ForecastsByFallback",
        "Count",
        "product forecasts answered by the baseline instead",
    )
    PRODUCTS_DECIDED = ("ProductsDecided", "Count", "products judged against their thresholds")
    PRODUCTS_WITHOUT_STOCK = (
        "ProductsWithoutStock",
        "Count",
        "products judged whose stock the shop does not know",
    )
    REORDERS_DECIDED = ("ReordersDecided", "Count", "orders committed")
    ORDERS_PROPOSED = ("OrdersProposed", "Count", "of those, orders that wait for a planner or a supplier's review")
    ORDERS_OVERDUE = ("OrdersOverdue", "Count", "orders that were not received by the day they were due, each once")
    ORDER_MESSAGES_UNMATCHED = (
        "OrderMessagesUnmatched",
        "Count",
        "messages about orders that nobody knows, or knows any longer; they change nothing",
    )
    PURCHASES_PROPOSED = ("PurchasesProposed", "Count", "purchases: orders of one supplier that went out together")
    LEAD_TIME_DRIFT = (
        "LeadTimeDrift",
        "Percent",
        "by how much the mean of a supplier's receipts differs from its lead time, where that is worth a word",
    )
    RULES_REFUSED = ("RulesRefused", "Count", "readings of the rules that failed: those before go on holding")
    REORDERS_PUBLISHED = (
        "ReordersPublished",
        "Count",
        "order events accepted by the event bus, repeats included",
    )
    OUTBOX_DEPTH = ("OutboxDepth", "Count", "committed events not yet accepted by the event bus")
    INSIGHTS_PUBLISHED = ("InsightsPublished", "Count", "insights accepted by the event bus")
    INSIGHTS_BY_RULES = (
        "InsightsByRules",
        "Count",
        "insights that rules wrote: the budget was spent, the queue full, the model away, or its answer refused",
    )
    INSIGHTS_DROPPED = (
        "InsightsDropped",
        "Count",
        "insights not published: too many waited for rules too, or the bus refused them",
    )
    INSIGHTS_CROWDED = (
        "InsightsCrowded",
        "Count",
        "crossings that found the queue of questions full, and were left to rules",
    )
    INSIGHT_LINES_DROPPED = (
        "InsightLinesDropped",
        "Count",
        "sentences of a model that said what the facts do not hold, and were left out",
    )
    INSIGHT_CALLS = ("InsightCalls", "Count", "questions sent to the model of words")
    INSIGHT_TOKENS = ("InsightTokens", "Count", "tokens that those took and gave")
    INSIGHT_COST = (
        "InsightMicrodollars",
        "Count",
        "millionths of a dollar that those cost by the price list of restock cost",
    )
    DIRTY_PRODUCTS = ("DirtyProducts", "Count", "products waiting for a decision in this worker")
    AWS_CALLS = ("AwsCalls", "Count", "calls of AWS of any kind; this and the next four only if calls are metered")
    SQS_REQUESTS = ("SqsRequests", "Count", "SQS requests as they are billed: empty ones too, 64 KB each")
    WRITE_UNITS = ("WriteUnits", "Count", "DynamoDB write units by AWS's rule")
    READ_UNITS = ("ReadUnits", "Count", "DynamoDB read units by AWS's rule")
    MODEL_TOKENS = ("ModelTokens", "Count", "tokens that Bedrock took and gave")
    FORECASTED_DEMAND = ("ForecastedDemand", "Count", "units forecast over the next 28 days")
    FORECAST_CONFIDENCE = (
        "ForecastConfidence",
        "Percent",
        "share of the 80 % intervals of the last 28 days that held",
    )
    FORECASTS_ON_BASELINE = (
        "ForecastsOnBaseline",
        "Count",
        "product forecasts left to the baseline because the model is no better in the product's category",
    )
    CATEGORIES_ON_BASELINE = ("CategoriesOnBaseline", "Count", "categories in which the model is no better")
    ACCURACY_PROMISES = ("AccuracyPromises", "Count", "totals of a week that were forecast to be compared later")
    ACCURACY_WINDOWS = ("AccuracyWindows", "Count", "such totals, of the last four weeks, that were compared")
    FORECAST_WAPE = ("ForecastWape", "Percent", "absolute error of a week's totals a unit sold, last four weeks")
    BASELINE_WAPE = ("BaselineWape", "Percent", "the same of the baseline")
    FORECAST_BIAS = ("ForecastBias", "Percent", "units forecast less units sold, a unit sold, last four weeks")
    FORECAST_COVERAGE = ("ForecastCoverage", "Percent", "share of a week's totals at or below P90: should be 90")
    RETRAINS_SUGGESTED = ("RetrainsSuggested", "Count", "Retrain Suggested events committed")

    @property
    def label(self) -> str:
        return self.value[0]

    @property
    def unit(self) -> str:
        return self.value[1]
