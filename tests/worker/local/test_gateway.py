"""Does a real AWS client get from the gateway what SageMaker and Bedrock would answer?"""

import asyncio
import io
import json
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import pytest
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from aiohttp import web
from botocore.exceptions import ClientError

from worker.local.gateway import BODY_BYTES_MAX, DEFAULT_MODEL, AwsError, Gateway

INFERENCE_PROFILE = "arn:aws:bedrock:us-east-1:000000000000:inference-profile/us.anthropic.claude-haiku-4-5"


@asynccontextmanager
async def client_of(service, url):
    config = AioConfig(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=10)
    async with get_session().create_client(
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=config,
    ) as client:
        yield client


@asynccontextmanager
async def model_server(name="blue"):
    """A container's HTTP face. The body says what it shall do."""

    async def invocations(request):
        body = await request.read()
        if body == b"fail":
            return web.Response(status=500, text="out of memory")
        if body == b"refuse":
            return web.Response(status=415, text="unsupported type")
        if body == b"hang":
            await asyncio.sleep(30)
        if body == b"huge":
            return web.Response(body=bytes(BODY_BYTES_MAX + 1))
        if body == b"die":
            request.transport.abort()
        seen = {
            key: request.headers.get(key)
            for key in ("Content-Type", "Accept", "X-Amzn-SageMaker-Custom-Attributes", "Authorization")
        }
        answer = {"server": name, "bytes": len(body), "seen": seen}
        return web.json_response(answer, headers={"X-Amzn-SageMaker-Custom-Attributes": "trace=2"})

    app = web.Application(client_max_size=BODY_BYTES_MAX + 1)
    app.router.add_post("/invocations", invocations)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield "http://{}:{}".format(*runner.addresses[0][:2])
    finally:
        await runner.cleanup()


@pytest.fixture
async def world():
    """A gateway whose endpoint `demand` has a living model server, and a client of it."""
    async with AsyncExitStack() as stack:
        blue = await stack.enter_async_context(model_server())
        gateway = await stack.enter_async_context(Gateway({"demand": blue}, deadline_s=0.5))
        yield gateway, await stack.enter_async_context(client_of("sagemaker-runtime", gateway.url))


async def invoke(client, body, endpoint="demand", **more):
    reply = await client.invoke_endpoint(
        EndpointName=endpoint, Body=io.BytesIO(body), ContentType="application/json", **more
    )
    async with reply["Body"] as stream:
        return reply, json.loads(await stream.read())


async def refused(client, body, endpoint="demand"):
    with pytest.raises(ClientError) as caught:
        await invoke(client, body, endpoint)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"], response


async def test_an_invocation_reaches_the_model_server_and_its_answer_comes_back(world):
    _, client = world
    reply, answer = await invoke(client, b"[1]", Accept="application/json", CustomAttributes="trace=1")
    assert answer["seen"] == {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "X-Amzn-SageMaker-Custom-Attributes": "trace=1",
        "Authorization": None,
    }
    assert reply["InvokedProductionVariant"] == "AllTraffic"
    assert reply["ContentType"].startswith("application/json")
    assert reply["CustomAttributes"] == "trace=2"


@pytest.mark.parametrize(
    ("body", "status", "said"), [(b"fail", 500, "out of memory"), (b"refuse", 415, "unsupported type")]
)
async def test_a_failing_model_is_a_model_error_with_what_it_said(world, body, status, said):
    _, client = world
    code, http_status, response = await refused(client, body)
    assert (code, http_status) == ("ModelError", 424)
    assert (response["OriginalStatusCode"], response["OriginalMessage"]) == (status, said)
    assert response["LogStreamArn"].endswith("/aws/sagemaker/Endpoints/demand")
    assert f"({status})" in response["Error"]["Message"]


async def test_a_model_that_misses_the_deadline_is_a_model_error_without_a_status(world):
    _, client = world
    code, http_status, response = await refused(client, b"hang")
    assert (code, http_status, response["OriginalStatusCode"]) == ("ModelError", 424, 0)
    assert "timed out" in response["OriginalMessage"]


async def test_a_model_that_dies_while_answering_is_a_model_error(world):
    _, client = world
    code, _, response = await refused(client, b"die")
    assert (code, response["OriginalStatusCode"]) == ("ModelError", 0)


async def test_an_unknown_endpoint_is_a_validation_error(world):
    _, client = world
    code, status, response = await refused(client, b"[1]", "nobody")
    assert (code, status) == ("ValidationError", 400)
    assert response["Error"]["Message"] == "Endpoint nobody of account 000000000000 not found."


async def test_an_endpoint_without_a_listening_instance_is_unavailable(world):
    gateway, client = world
    gateway.route("demand", None)
    assert (await refused(client, b"[1]"))[:2] == ("ServiceUnavailable", 503)
    async with model_server() as gone:
        pass
    gateway.route("demand", gone)
    assert (await refused(client, b"[1]"))[:2] == ("ServiceUnavailable", 503)


async def test_an_endpoint_moves_to_another_server_between_two_calls(world):
    gateway, client = world
    async with model_server("green") as green:
        assert (await invoke(client, b"[1]"))[1]["server"] == "blue"
        gateway.route("demand", green)
        assert (await invoke(client, b"[1]"))[1]["server"] == "green"


async def test_six_mebibytes_pass_and_one_byte_more_does_not(world):
    _, client = world
    assert (await invoke(client, bytes(BODY_BYTES_MAX)))[1]["bytes"] == BODY_BYTES_MAX
    assert (await refused(client, bytes(BODY_BYTES_MAX + 1)))[:2] == ("ValidationError", 400)
    code, _, response = await refused(client, b"huge")
    assert (code, response["OriginalStatusCode"]) == ("ModelError", 200)


async def test_many_calls_at_once_are_answered(world):
    _, client = world
    answers = await asyncio.gather(*(invoke(client, b"[1]") for _ in range(50)))
    assert {answer["server"] for _, answer in answers} == {"blue"}


def question(text="{}", schema=None):
    asked = {"modelId": DEFAULT_MODEL, "messages": [{"role": "user", "content": [{"text": text}]}]}
    if schema is not None:
        structure = {"jsonSchema": {"name": "insight", "schema": schema}}
        asked["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": structure}}
    return asked


async def converse(asked, **gateway_options):
    async with Gateway(**gateway_options) as gateway, client_of("bedrock-runtime", gateway.url) as client:
        return await client.converse(**asked)


async def test_converse_answers_in_the_documented_shape():
    reply = await converse(question('{"on_hand": 3, "inventory_position": 3, "reorder_point": 5}'))
    assert reply["stopReason"] == "end_turn"
    usage = reply["usage"]
    assert usage["inputTokens"] > 0
    assert usage["totalTokens"] == usage["inputTokens"] + usage["outputTokens"]
    assert reply["metrics"]["latencyMs"] >= 0
    message = reply["output"]["message"]
    assert message["role"] == "assistant"
    answer = json.loads(message["content"][0]["text"])
    assert answer["source"] == "rule-based explainer"
    assert "On hand 3" in answer["factors"][1]


async def test_converse_obeys_the_schema_of_the_request():
    schema = {
        "type": "object",
        "properties": {"risks": {"type": "array", "items": {"type": "string"}}},
        "required": ["risks"],
        "additionalProperties": False,
    }
    reply = await converse(question("{}", json.dumps(schema)))
    assert json.loads(reply["output"]["message"]["content"][0]["text"]) == {"risks": []}


@pytest.mark.parametrize("schema", ["not json", "[]", '{"type": "object"}', '{"type": "array", "maxItems": 3}'])
async def test_a_schema_that_bedrock_refuses_is_refused(schema):
    with pytest.raises(ClientError) as caught:
        await converse(question("{}", schema))
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


async def test_only_the_given_model_ids_are_known():
    assert (await converse(question() | {"modelId": INFERENCE_PROFILE}, models={INFERENCE_PROFILE}))["output"]
    with pytest.raises(ClientError) as caught:
        await converse(question() | {"modelId": "anthropic.claude-3-5-sonnet-20241022-v2:0"})
    assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


async def test_a_caller_may_bring_its_own_converse_and_its_errors_are_awss():
    async def throttled(_):
        raise AwsError("ThrottlingException", 429, "Too many tokens, please wait.")

    with pytest.raises(ClientError) as caught:
        await converse(question(), converse=throttled)
    assert caught.value.response["Error"] == {
        "Code": "ThrottlingException",
        "Message": "Too many tokens, please wait.",
    }


@pytest.mark.parametrize("body", [b"", b"not json", b"[1]", b"[" * 100_000, b"{}", b'{"messages": []}'])
async def test_a_malformed_question_is_a_validation_exception(body):
    async with (
        Gateway() as gateway,
        aiohttp.ClientSession() as session,
        session.post(f"{gateway.url}/model/{DEFAULT_MODEL}/converse", data=body) as reply,
    ):
        assert (reply.status, reply.headers["x-amzn-ErrorType"]) == (400, "ValidationException")


async def test_a_closed_gateway_has_no_address():
    gateway = Gateway()
    async with gateway:
        assert gateway.url.startswith("http://127.0.0.1:")
    with pytest.raises(RuntimeError, match="not open"):
        _ = gateway.url
