"""Which bugs are planted?"""

from __future__ import annotations

from mutants.calls import CALL_MUTANTS
from mutants.commits import COMMIT_MUTANTS
from mutants.decisions import DECISION_MUTANTS
from mutants.facts import FACT_MUTANTS
from mutants.forecasting import FORECASTING_MUTANTS
from mutants.intake import INTAKE_MUTANTS
from mutants.leasing import LEASING_MUTANTS
from mutants.partitions import PARTITION_MUTANTS
from mutants.shards import SHARD_MUTANTS

PLANTED = (
    *INTAKE_MUTANTS,
    *COMMIT_MUTANTS,
    *CALL_MUTANTS,
    *FACT_MUTANTS,
    *DECISION_MUTANTS,
    *SHARD_MUTANTS,
    *LEASING_MUTANTS,
    *PARTITION_MUTANTS,
    *FORECASTING_MUTANTS,
)
