"""Are the buckets there?"""

from __future__ import annotations

from worker.doctor.checkup import Checkup


async def check_buckets(checkup: Checkup) -> None:
    settings = checkup.settings
    fixes = {
        settings.quarantine_bucket: "create it: messages with a large bad line are handed back for ever without it",
        settings.payload_bucket: "create it, if a producer sends bodies that are too large for the queue",
    }
    for bucket, fix in fixes.items():
        what = f"bucket {bucket}"
        call = checkup.clients.s3.head_bucket(Bucket=bucket)
        said = await checkup.ask(what, "s3:ListBucket", fix, call, ours=False)
        if said is not None:
            checkup.well(what, "is there")
    checkup.untried(f"bucket {settings.quarantine_bucket}", "s3:PutObject: it would leave an object behind")
