"""Who consumes, with what, and for how long is he watched?

So many messages that each is watched for a second or two of its own CPU: what is cheaper consumes more of them."""

from __future__ import annotations

from dataclasses import dataclass

AIOBOTOCORE = "aiobotocore"
PRODUCTS = 5_000
PACKED = 100
QUEUE = "retail-sales"


@dataclass(frozen=True, slots=True)
class Peer:
    """A consumer that is not ours. module lies in bench/consumer/peers, environment in bench/environments."""

    name: str
    environment: str
    module: str
    messages: int
    warm_up: int = 500


PEERS = (
    Peer(AIOBOTOCORE, "consumer-aws", "aiobotocore_batches", 8_000),
    Peer("aiobotocore, one message a call", "consumer-aws", "aiobotocore_one", 2_000),
    Peer("boto3, threads", "consumer-aws", "boto3_threads", 6_000),
    Peer("kombu", "consumer-kombu", "kombu_consumer", 2_000),
    Peer("aiosqs", "consumer-aiosqs", "aiosqs_consumer", 4_000),
    Peer("capo", "consumer-capo", "capo_consumer", 8_000),
)


@dataclass(frozen=True, slots=True)
class Ours:
    """A way Restock consumes. durable is `restock run` itself. spare messages are left when it was watched for its
    sales: what it does at the end of a queue is not counted."""

    name: str
    durable: bool
    sales_a_message: int
    sales: int
    spare: int

    @property
    def metric(self) -> str:
        """What a sale costs; one that rides alone is a message."""
        return f"{self.name}_cpu_us"


IN_MEMORY, WITH_COMMIT = "receive_decode_fold_delete", "with_commit"
SINGLE = (Ours(IN_MEMORY, False, 1, 24_000, 2_000), Ours(WITH_COMMIT, True, 1, 10_000, 1_000))
TOGETHER = (
    Ours(f"packed_{IN_MEMORY}", False, PACKED, 150_000, 400),
    Ours(f"packed_{WITH_COMMIT}", True, PACKED, 60_000, 250),
)
