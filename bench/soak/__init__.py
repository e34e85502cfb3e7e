"""Does the worker's memory stay bounded, however many sales it has counted?

One real worker process counts a million sales from a queue while its resident memory is sampled. Every bound is
exercised on purpose: many more products than are cached, hot and cold ones, ids that are re-sent weeks later, poison,
orders and deliveries. The calendar is the run's own (shared_time.py): a year of sales passes, so that ids are not only
remembered but also forgotten."""
