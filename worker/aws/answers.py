"""What did the service answer to a request in JSON?

The same as botocore would say, member by member: read by the compiled shape where the answer is what the model
promises, by botocore's own parser where it is not, and wherever it is an error."""

from __future__ import annotations

from typing import Any
from zlib import crc32

from botocore.exceptions import ChecksumError
from botocore.parsers import create_parser

from worker.aws.connections import Answer
from worker.aws.shapes import NotOfTheShape, reader

Said = dict[str, Any]

_PARSER = create_parser("json")


class Answers:
    """Reads the answers of one operation. model: botocore's, of this operation."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._read = reader(model.output_shape)

    def read(self, answer: Answer) -> Said:
        """The answer as the client's method returns it, or as its exception carries it."""
        parsed = self._refusal(answer) if refuses(answer) else self._success(answer)
        # The lane never retries.
        parsed["ResponseMetadata"]["RetryAttempts"] = 0
        return parsed

    def _success(self, answer: Answer) -> Said:
        try:
            parsed: Said = self._read(answer.body)
        except (NotOfTheShape, RecursionError, UnicodeDecodeError):
            # A null, or an empty body, as emulators send them. What botocore cannot read either raises as there.
            return self._by_botocore(answer, self._model.output_shape)
        headers = answer.headers
        metadata: Said = {"HTTPStatusCode": answer.status_code, "HTTPHeaders": headers}
        if "x-amzn-requestid" in headers:
            metadata["RequestId"] = headers["x-amzn-requestid"]
        parsed["ResponseMetadata"] = metadata
        return parsed

    def _refusal(self, answer: Answer) -> Said:
        parsed = self._by_botocore(answer, self._model.output_shape)
        code = parsed.get("Error", {}).get("Code")
        shape = None if code is None else self._model.service_model.shape_for_error_code(code)
        if shape is not None:
            # The error's own members, as CancellationReasons.
            parsed.update(self._by_botocore(answer, shape))
        return parsed

    def _by_botocore(self, answer: Answer, shape: Any) -> Said:
        said = {"status_code": answer.status_code, "headers": answer.headers, "body": answer.body, "context": {}}
        parsed: Said = _PARSER.parse(said, shape)
        return parsed


def refuses(answer: Answer) -> bool:
    """Whether it is an error of the service's, or of something on the way."""
    return answer.status_code >= 300


def verify(answer: Answer) -> None:
    """ChecksumError if the answer is not what its service, DynamoDB, says that it adds up to."""
    expected = answer.headers.get("x-amz-crc32")
    if expected is not None and expected != str(actual := crc32(answer.body)):
        raise ChecksumError(checksum_type="crc32", expected_checksum=expected, actual_checksum=actual)
