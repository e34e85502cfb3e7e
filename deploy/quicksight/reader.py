"""What may QuickSight read, and by what role?

By one of its own, named with the data source, so that nothing has to be switched on for the account as a whole: the
workgroup, the tables and the files of the snapshots, and where Athena keeps its answers."""

from __future__ import annotations

from typing import Any

Said = dict[str, Any]


def _arn(service: str, rest: str) -> Said:
    return {"Fn::Sub": f"arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:{rest}"}


BUCKET = "arn:${AWS::Partition}:s3:::retail-analytics${Suffix}-${AWS::AccountId}"
DATABASE = {"Fn::Join": ["_", {"Fn::Split": ["-", {"Fn::Sub": "restock${Suffix}"}]}]}


def _of_the_database(kind: str, rest: str) -> Said:
    text = f"arn:${{AWS::Partition}}:glue:${{AWS::Region}}:${{AWS::AccountId}}:{kind}/${{Database}}{rest}"
    return {"Fn::Sub": [text, {"Database": DATABASE}]}


def _allow(sid: str, actions: list[str], resource_: Any) -> Said:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource_}


STATEMENTS = [
    _allow(
        "AskAthena",
        [
            "athena:StartQueryExecution",
            "athena:StopQueryExecution",
            "athena:GetQueryExecution",
            "athena:GetQueryResults",
            "athena:GetQueryResultsStream",
            "athena:GetWorkGroup",
        ],
        _arn("athena", "workgroup/restock${Suffix}"),
    ),
    _allow("FindTheCatalog", ["athena:GetDataCatalog"], _arn("athena", "datacatalog/AwsDataCatalog")),
    _allow(
        "ReadTheTables",
        ["glue:GetDatabase", "glue:GetDatabases", "glue:GetTable", "glue:GetTables", "glue:GetPartitions"],
        [_arn("glue", "catalog"), _of_the_database("database", ""), _of_the_database("table", "/*")],
    ),
    _allow(
        "FindTheFiles",
        ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"],
        {"Fn::Sub": BUCKET},
    ),
    _allow("ReadTheFiles", ["s3:GetObject"], {"Fn::Sub": f"{BUCKET}/snapshots/*"}),
    _allow(
        "KeepTheAnswers",
        ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
        {"Fn::Sub": f"{BUCKET}/athena/*"},
    ),
]
ROLE: Said = {
    "Type": "AWS::IAM::Role",
    "Properties": {
        "RoleName": {"Fn::Sub": "restock-quicksight${Suffix}"},
        "AssumeRolePolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "quicksight.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                    "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
                }
            ],
        },
        "Policies": [
            {
                "PolicyName": "read-the-snapshots",
                "PolicyDocument": {"Version": "2012-10-17", "Statement": STATEMENTS},
            }
        ],
    },
}
