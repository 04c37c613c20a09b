"""gRPC: TensorFlow Serving's PredictionService and ModelService, beside its REST protocol."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import grpc
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from .access import Token
from .grpc_arrival import LARGEST_OPTION, InTime, arrival_options, status_of_cancelled
from .grpc_refusal import Ending, WithToken
from .padding import Outputs
from .peers import end_connections_of
from .predict_request import DEFAULT_SIGNATURE, PredictRequest, check_names, predict_request
from .predictor import Predictor
from .request_error import RequestError
from .served_model import ServedModel
from .tensor_format import read_tensor, write_tensor
from .writing import written

_log = logging.getLogger(__name__)

# Seconds that running calls may take when the server ends.
_GRACE_SECONDS = 30.0
# Seconds before, in which new calls are refused.
_TURN_AWAY_SECONDS = 0.25
# Seconds between two looks whether the server is ending, as in uvicorn.
_LOOK_SECONDS = 0.1
# Calls that one connection may have open; a client's library waits with the others.
_STREAMS = 256
SIGNATURE_DEF = "signature_def"
_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    404: grpc.StatusCode.NOT_FOUND,
    412: grpc.StatusCode.FAILED_PRECONDITION,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    500: grpc.StatusCode.INTERNAL,
    501: grpc.StatusCode.UNIMPLEMENTED,
    503: grpc.StatusCode.UNAVAILABLE,
}


@contextlib.asynccontextmanager
async def grpc_server(
    predictor: Predictor,
    address: str,
    token: Token | None = None,
    tls: tuple[bytes, bytes] | None = None,
    is_ending: Callable[[], bool] = lambda: False,
) -> AsyncIterator[None]:
    """Answers gRPC calls until the block ends, or the whole server; calls that are running then are still answered.

    Args:
        predictor: The predictor that answers.
        address: Host and port to listen at.
        token: The token that calls must have in their metadata; None: they need none.
        tls: The PEM certificate and its key; None: no TLS.
        is_ending: Returns whether the whole server is ending. The block ends only after the last request over REST, so
            that gRPC would wait for these.

    Raises:
        RuntimeError: If it cannot listen there.
    """
    limits = predictor.limits
    gate = Ending()
    refusals = [] if token is None else [WithToken(token, predictor.metrics.unauthorized.inc)]
    server = grpc.aio.server(
        interceptors=[gate, *refusals, InTime(limits, predictor.count_unread, predictor.metrics.count_cut)],
        options=[
            ("grpc.max_receive_message_length", min(limits.body_bytes, LARGEST_OPTION)),
            ("grpc.max_concurrent_streams", _STREAMS),
            ("grpc.max_allowed_incoming_connections", limits.connections),
            *arrival_options(limits.body_seconds),
            # Otherwise two servers can listen at one port, each with half of the calls.
            ("grpc.so_reuseport", 0),
        ],
    )
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(_PredictionService(predictor), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(_ModelService(predictor), server)
    if tls is None:
        port = server.add_insecure_port(address)
    else:
        certificate, key = tls
        port = server.add_secure_port(address, grpc.ssl_server_credentials([(key, certificate)]))
    if not port:
        raise RuntimeError(f"cannot listen at {address}")
    await server.start()
    block_ended = asyncio.Event()

    async def stop_at_the_end() -> None:
        while not (block_ended.is_set() or is_ending()):
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(block_ended.wait(), _LOOK_SECONDS)
        # gRPC cancels calls that arrive while it stops, and clients do not retry a cancelled call. So new calls are
        # refused until the last one is answered, and a while, so that clients can stop sending them. Then the
        # connections are ended: what a client still sends fails as a call that may be retried.
        gate.ending = True
        await asyncio.sleep(_TURN_AWAY_SECONDS)
        if gate.running:
            await asyncio.wait(set(gate.running), timeout=_GRACE_SECONDS)
        try:
            end_connections_of(port)
        except OSError:
            _log.warning("gRPC: connections could not be ended, so that calls may be cancelled", exc_info=True)
        finally:
            await server.stop(0)

    stopping = asyncio.create_task(stop_at_the_end())
    try:
        yield
    finally:
        block_ended.set()
        await stopping


class _PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """TensorFlow Serving's service of this name."""

    def __init__(self, predictor: Predictor):
        self._predictor = predictor

    async def Predict(self, request: Any, context: Any) -> Any:
        return await _answered(context, self._predict, request, context)

    async def GetModelMetadata(self, request: Any, context: Any) -> Any:
        return await _answered(context, self._metadata, request)

    async def Classify(self, request: Any, context: Any) -> Any:
        return await _answered(context, _not_there, "Classify: the model has no signature for it; use Predict")

    async def Regress(self, request: Any, context: Any) -> Any:
        return await _answered(context, _not_there, "Regress: the model has no signature for it; use Predict")

    async def MultiInference(self, request: Any, context: Any) -> Any:
        return await _answered(
            context, _not_there, "MultiInference: no signature classifies or regresses; use Predict for each signature"
        )

    async def _predict(self, request: Any, context: Any) -> predict_pb2.PredictResponse:
        predictor = self._predictor
        with predictor.counted() as count:
            count.arrived()
            try:
                with predictor.in_use(*_address(request)) as model:
                    parsed = _parse(request, model, predictor.limits.values)
                    count.signature = parsed.signature
                    names = _output_names(request, model.outputs[parsed.signature])
                    with predictor.admitted(model, parsed) as admitted:
                        outputs = await predictor.predict(model, admitted)
                        wanted = {name: outputs[name] for name in names}
                        version = model.version
                        return await written(wanted, lambda: _response(predictor.name, version, parsed, wanted))
            except asyncio.CancelledError:
                count.code = status_of_cancelled(context)
                raise

    async def _metadata(self, request: Any) -> get_model_metadata_pb2.GetModelMetadataResponse:
        model = self._predictor.model(*_address(request))
        if list(request.metadata_field) != [SIGNATURE_DEF]:
            asked = ", ".join(request.metadata_field)[:40] or "none"
            raise RequestError(400, f"metadata_field: must be {SIGNATURE_DEF}; there is {asked}")
        definitions = get_model_metadata_pb2.SignatureDefMap(signature_def=model.definitions)
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.name = self._predictor.name
        response.model_spec.version.value = model.version
        response.metadata[SIGNATURE_DEF].Pack(definitions)
        return response


class _ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """TensorFlow Serving's service of this name."""

    def __init__(self, predictor: Predictor):
        self._predictor = predictor

    async def GetModelStatus(self, request: Any, context: Any) -> Any:
        return await _answered(context, self._status, request)

    async def HandleReloadConfigRequest(self, request: Any, context: Any) -> Any:
        return await _answered(
            context,
            _not_there,
            "HandleReloadConfigRequest: one model is served, always its newest version; push a version or roll it back",
        )

    async def _status(self, request: Any) -> get_model_status_pb2.GetModelStatusResponse:
        model = self._predictor.model(*_address(request))
        response = get_model_status_pb2.GetModelStatusResponse()
        status = response.model_version_status.add(version=model.version)
        status.state = get_model_status_pb2.ModelVersionStatus.AVAILABLE
        status.status.SetInParent()
        return response


async def _answered(context: Any, answer: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
    """Answers a call, or ends it with the status of its error."""
    try:
        return await answer(*arguments)
    except RequestError as error:
        code, message = _CODES[error.status], error.message
    except Exception as error:
        _log.error("gRPC: a call failed", exc_info=error)
        code, message = grpc.StatusCode.INTERNAL, "the server failed; its log says why"
    # Outside of `except`, so that the frames of the error, which hold the model, are freed.
    await context.abort(code, message)


async def _not_there(message: str) -> None:
    raise RequestError(501, message)


def _address(request: Any) -> tuple[str, int | None, str]:
    """Returns the model's name, version and label in a request."""
    if not request.HasField("model_spec"):
        raise RequestError(400, "model_spec: is missing; name the model there")
    spec = request.model_spec
    return spec.name, spec.version.value if spec.HasField("version") else None, spec.version_label


def _parse(request: Any, model: ServedModel, most_values: int) -> PredictRequest:
    signature = request.model_spec.signature_name or DEFAULT_SIGNATURE
    specs = model.inputs.get(signature)
    if specs is None:
        # TensorFlow Serving has another status for it over REST.
        raise RequestError(
            412, f"signature_name={signature[:40]}: no such signature; the model has {', '.join(sorted(model.inputs))}"
        )
    check_names(request.inputs, specs, "inputs")
    arrays = {name: read_tensor(name, request.inputs[name], spec, most_values) for name, spec in specs.items()}
    return predict_request(signature, arrays, specs)


def _output_names(request: Any, outputs: dict[str, Any]) -> Sequence[str]:
    """Returns the names of the outputs that are asked for; by default all."""
    names = list(request.output_filter)
    for name in names:
        if name not in outputs or names.count(name) > 1:
            problem = "stands there twice" if name in outputs else "no such output"
            raise RequestError(
                400, f"output_filter: {name[:40]}: {problem}; the outputs are {', '.join(sorted(outputs))}"
            )
    return names or list(outputs)


def _response(name: str, version: int, parsed: PredictRequest, outputs: Outputs) -> predict_pb2.PredictResponse:
    response = predict_pb2.PredictResponse()
    response.model_spec.name = name
    response.model_spec.version.value = version
    response.model_spec.signature_name = parsed.signature
    for key, array in outputs.items():
        response.outputs[key].CopyFrom(write_tensor(array))
    return response
