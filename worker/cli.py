"""Which commands does Restock have, and what do they say when used?

Exit codes: 0 done, 1 failed with one clear line, 2 wrong use. Nothing heavy is imported before the command is known:
the worker on ECS never loads what only a laptop needs."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from forecaster.evaluation import arguments as evaluate_arguments
from worker import rebuild_arguments
from worker.backtest import arguments as backtest_arguments
from worker.bulk import arguments as bulk_arguments
from worker.cost import arguments as cost_arguments
from worker.doctor import arguments as doctor_arguments
from worker.history import arguments as history_arguments
from worker.local.mood_names import EPILOG as MOODS
from worker.local.mood_names import HELP as MOOD_HELP
from worker.local.mood_names import MOOD_NAMES, WELL
from worker.replay import arguments as replay_arguments
from worker.retraining import arguments as retrain_arguments
from worker.snapshots import arguments as snapshot_arguments
from worker.suppliers import arguments as suppliers_arguments

WORKERS_MAX = 8

LOCAL_EXAMPLES = """examples:
  restock local --until-done --report report       the bundled sample: 105,335 real invoice lines
  restock local --sales my-sales.csv --until-done  your own sales: product_id, date, quantity and,
                                                   if you have them, event_id, location_id, price, promotion
  restock local --duplicate-rate 0.1 --until-done  a tenth of the sales is sent twice: the counts stay the same
  restock local --dead-endpoint --until-done       the model server dies half-way: the baseline takes over
  restock local --source stream --until-done       the shop writes its sales into a DynamoDB table, and the worker
                                                   reads the table's stream
  restock local --workers 3 --kill-worker --until-done
                                                   three workers share the products; one is killed half-way

sources: whatever the way, the counts and the features are the same.
  sqs        an SQS queue, a hundred sales a message; for several workers it is in 8 partitions, which they share out
  sqs-fifo   a FIFO queue, in which the sales of a product keep their order
  stream     a DynamoDB table of sales, read through its stream, whose one shard (it is an emulator) one of the
             workers holds; what is no new item still comes by the queue, which all of them share
  pipes      the same table, its stream brought into a FIFO queue as EventBridge Pipes does it: a message a sale, which
             costs the emulator a lot (about a hundred sales a second: try --limit)

columns: product_id, occurred_at (or date, sale_date), quantity (or quantity_sold), and optionally event_id,
location_id, unit_price (or price), promotion, category. Online Retail's own columns are read too (InvoiceNo,
StockCode, Quantity, InvoiceDate, UnitPrice). Bad rows are sent like any other and end in quarantine, with a reason."""

RUN_EPILOG = """The worker is configured by RESTOCK_* variables; `restock run --settings` lists them with their
defaults. SIGTERM drains and exits with 0. Health: GET /live and /ready on RESTOCK_HEALTH_PORT (loopback)."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; returns its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    # The two SageMaker entry points have options of their own, which a training or hosting container uses too.
    if arguments[:1] == ["train"]:
        from forecaster.train import main as train

        return train(arguments[1:])
    if arguments[:1] == ["serve"]:
        from forecaster.serve import main as serve

        return serve(arguments[1:])
    chosen = _parser().parse_args(arguments)
    code: int = chosen.run(chosen)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="restock",
        description="Sales in, reorders out: an event-driven inventory worker for retailers on AWS.",
        epilog="Start with `restock local`: it needs no AWS account. `restock COMMAND --help` teaches each command.",
    )
    parser.add_argument("--version", action="version", version=f"restock {version('restock')}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_local(
        commands.add_parser(
            "local",
            help="everything on this machine: embedded AWS, forecaster, worker, a simulated shop",
            description="Replays sales through the real worker over an embedded AWS; reports what became of them.",
            epilog=f"{LOCAL_EXAMPLES}\n\n{MOODS}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
    )
    run = commands.add_parser(
        "run",
        help="the worker, configured by RESTOCK_* variables",
        description="Consumes sales from SQS, from a DynamoDB table's stream or both, until it is told to stop.",
        epilog=RUN_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    run.add_argument(
        "--settings", action="store_true", help="list every setting with its default and meaning, and exit"
    )
    run.set_defaults(run=_run)
    replay_arguments.add_replay(commands.add_parser("replay", help=replay_arguments.HELP))
    rebuild_arguments.add_rebuild(
        commands.add_parser("rebuild", help=rebuild_arguments.HELP, description=rebuild_arguments.HELP + ".")
    )
    history_arguments.add_history(commands.add_parser("history", help=history_arguments.HELP))
    doctor_arguments.add_doctor(commands.add_parser("doctor", help=doctor_arguments.HELP))
    suppliers_arguments.add_suppliers(
        commands.add_parser("suppliers", help=suppliers_arguments.HELP, description=suppliers_arguments.HELP + ".")
    )
    cost = commands.add_parser("cost", help=cost_arguments.HELP)
    cost_arguments.add_cost(cost)
    cost.set_defaults(run=_cost)
    backtest_arguments.add_backtest(commands.add_parser("backtest", help=backtest_arguments.HELP))
    evaluate_arguments.add_evaluate(commands.add_parser("evaluate", help=evaluate_arguments.HELP))
    retrain_arguments.add_retrain(commands.add_parser("retrain", help=retrain_arguments.HELP))
    bulk_arguments.add_bulk(commands.add_parser("bulk", help=bulk_arguments.HELP))
    snapshot_arguments.add_snapshot(commands.add_parser("snapshot", help=snapshot_arguments.HELP))
    # Listed for --help; main() hands them on before parsing.
    commands.add_parser("train", help="train the forecaster: SageMaker's entry point, also local")
    commands.add_parser("serve", help="serve the forecaster: SageMaker's entry point, also local")
    return parser


def _add_local(local: argparse.ArgumentParser) -> None:
    local.add_argument(
        "--sales",
        type=Path,
        metavar="PATH",
        help="CSV, JSONL or Parquet (.gz too); the bundled sample if left out",
    )
    local.add_argument(
        "--until-done", action="store_true", help="end when every sale is settled and every order delivered"
    )
    local.add_argument(
        "--report",
        type=Path,
        metavar="DIR",
        help="write summary.json, features.parquet, reorders.jsonl, insights.jsonl, decisions.jsonl there",
    )
    local.add_argument(
        "--source",
        choices=("sqs", "sqs-fifo", "stream", "pipes"),
        default="sqs",
        help="the way the sales come: see below (default: sqs)",
    )
    local.add_argument(
        "--workers",
        type=worker_count,
        default=1,
        metavar="N",
        help=f"worker processes side by side (1 to {WORKERS_MAX}, default: 1). On one machine they compete for "
        "its cores, so that it takes longer; by sqs each has products of its own. The counts are the same",
    )
    local.add_argument("--limit", type=positive_number, metavar="N", help="replay the first N sales only")
    local.add_argument(
        "--duplicate-rate",
        type=share,
        default=0.0,
        metavar="R",
        help="send this share of the sales twice (0 to 1)",
    )
    local.add_argument(
        "--model",
        type=Path,
        metavar="DIR",
        help="serve this model, as restock train has written it, instead of training one on the sales",
    )
    local.add_argument("--dead-endpoint", action="store_true", help="kill the model server half-way")
    local.add_argument("--kill-worker", action="store_true", help="kill a worker with -9 half-way; it is started again")
    local.add_argument("--bedrock", choices=MOOD_NAMES, default=WELL, help=MOOD_HELP)
    local.add_argument(
        "--keep-open", action="store_true", help="with --until-done: leave the live page open until Ctrl-C"
    )
    local.set_defaults(run=_local)


def positive_number(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def worker_count(text: str) -> int:
    number = int(text)
    if not 1 <= number <= WORKERS_MAX:
        raise argparse.ArgumentTypeError(f"must lie between 1 and {WORKERS_MAX}")
    return number


def share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError("must lie between 0 and 1")
    return value


def _local(chosen: argparse.Namespace) -> int:
    # Until the run takes Ctrl-C over there is nothing to drain: it ends the process, and not an import half-way.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        from botocore.exceptions import BotoCoreError, ClientError

        from handlers.errors import Misconfigured, TransientFailure
        from worker.local.processes import ChildFailed
        from worker.local.replay import Options
        from worker.local.run import run_local
        from worker.sources.files import UnreadableSales
    except ModuleNotFoundError as exc:
        return _failed(f"restock local needs the extra [local]: pip install 'restock[local]' ({exc.name} is missing)")
    options = Options(
        sales=chosen.sales,
        until_done=chosen.until_done,
        report=chosen.report,
        source=chosen.source,
        workers=chosen.workers,
        limit=chosen.limit,
        duplicate_rate=chosen.duplicate_rate,
        dead_endpoint=chosen.dead_endpoint,
        kill_worker=chosen.kill_worker,
        model=chosen.model,
        bedrock=chosen.bedrock,
        keep_open=chosen.keep_open,
    )
    try:
        return run_local(options)
    except (UnreadableSales, ChildFailed, Misconfigured, TransientFailure, OSError, ValueError) as exc:
        return _failed(str(exc).splitlines()[0])
    except (ClientError, BotoCoreError) as exc:
        return _failed(f"the embedded AWS: {exc}".splitlines()[0])


def _run(chosen: argparse.Namespace) -> int:
    from worker.process import read_settings, run_worker
    from worker.settings import Settings

    if chosen.settings:
        for name, field in Settings.model_fields.items():
            print(f"RESTOCK_{name.upper()}={field.default!s}\n    {field.description}")
        return 0
    try:
        settings = read_settings()
    except ValueError as exc:
        print(f"restock run: {exc}", file=sys.stderr)
        return 2
    if not settings.meter_calls:
        return run_worker(settings)
    from worker.aws.metered_run import metered

    with metered(settings.state_table):
        return run_worker(settings)


def _cost(chosen: argparse.Namespace) -> int:
    from worker.cost.command import run

    return run(chosen)


def _failed(line: str) -> int:
    print(f"restock: {line}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
