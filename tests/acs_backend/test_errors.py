"""Each way to fail becomes one error of the port, with Twilio's code and text."""

import asyncio
import ssl

import aiohttp
import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    DecodeError,
    DeserializationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseTimeoutError,
)

from acs_backend.errors import Subject, translate, translated
from acs_backend.retries import OutcomeUnknown
from tests.acs_backend.test_retries import Answer, status
from twilio_compat.errors import (
    AnswerError,
    ConfigurationError,
    ConflictError,
    ForbiddenError,
    InvalidResponseError,
    LimitError,
    NotFoundError,
    RateLimitedError,
    ServiceTimeoutError,
    ServiceUnavailableError,
    TokenError,
    TwilioCompatError,
    TwilsockUpstreamError,
)


@pytest.mark.parametrize(
    ("subject", "code", "expected"),
    [
        (Subject.CONVERSATION, 404, (NotFoundError, 404, 50350, "Conversation not found")),
        (
            Subject.CONVERSATION,
            403,
            (ForbiddenError, 403, 50430, "Participant is not a member of conversation"),
        ),
        (Subject.PARTICIPANT, 404, (NotFoundError, 404, 50432, "Participant not found")),
        (Subject.MESSAGE, 404, (NotFoundError, 404, 50500, "Message not found")),
        (Subject.MESSAGE, 403, (ForbiddenError, 403, 50107, "User unauthorized for command")),
        (Subject.USER, 404, (NotFoundError, 404, 50200, "User not found")),
        (Subject.MEDIA, 404, (NotFoundError, 404, 50507, "Media not found")),
        (Subject.MEDIA, 413, (LimitError, 413, 50512, "Message media size is too large")),
        (Subject.TOKEN, 401, (TokenError, 401, 20101, "Invalid Access Token: ACS refused it")),
        (Subject.MESSAGE, 429, (RateLimitedError, 429, 20429, "Too Many Requests")),
        (Subject.CONVERSATION, 409, (ConflictError, 409, 20409, "Conflict")),
        (Subject.CONVERSATION, 503, (ServiceUnavailableError, 503, 20503, "The service answered 503")),
        (Subject.CONVERSATION, 500, (ServiceUnavailableError, 500, 20503, "The service answered 500")),
        (Subject.CONVERSATION, 504, (ServiceTimeoutError, 504, 20503, "No answer within the deadline")),
    ],
)
def test_a_status_and_a_subject_make_an_error(
    subject: Subject, code: int, expected: tuple[type[AnswerError], int, int, str]
) -> None:
    error = translate(status(code), subject)
    assert isinstance(error, AnswerError)
    assert expected == (type(error), error.status, error.code, error.detail)


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        (DecodeError(message="garbage"), InvalidResponseError),
        (DeserializationError("garbage"), InvalidResponseError),
        (status(202), InvalidResponseError),
        (status(301), InvalidResponseError),
        (TimeoutError(), ServiceTimeoutError),
        (ServiceResponseTimeoutError("slow"), ServiceTimeoutError),
        (ServiceRequestError("refused"), ServiceUnavailableError),
        (HttpResponseError("no answer at all"), ServiceUnavailableError),
    ],
)
def test_what_is_no_refusal_is_the_backend_s_fault(cause: Exception, kind: type[TwilioCompatError]) -> None:
    assert kind is type(translate(cause, Subject.CONVERSATION))


def test_a_refusal_without_a_code_of_twilio_s_carries_what_acs_said() -> None:
    answer = Answer(400, {})
    answer.text = lambda encoding=None: '{"error": {"message":\n "bad topic"}}'  # type: ignore[method-assign]  # a stub
    error = translate(HttpResponseError(response=answer), Subject.CONVERSATION)  # type: ignore[arg-type]  # what is read of an answer
    assert isinstance(error, TwilsockUpstreamError)
    assert '{"error": {"message": "bad topic"}}' in error.detail


@pytest.mark.parametrize(
    ("subject", "variable"),
    [
        (Subject.ACCESS_KEY, "COMMUNICATION_SERVICES_CONNECTION_STRING"),
        (Subject.MEDIA, "AZURE_STORAGE_CONNECTION_STRING"),
    ],
)
def test_a_refused_key_of_the_deployment_names_its_setting(subject: Subject, variable: str) -> None:
    refusal = ClientAuthenticationError(response=Answer(401, {}))  # type: ignore[arg-type]  # what is read of an answer
    error = translate(refusal, subject)
    assert isinstance(error, ConfigurationError)
    assert variable in str(error)


def test_a_certificate_that_is_not_trusted_says_how_to_trust_it() -> None:
    key = aiohttp.client_reqrep.ConnectionKey("h", 1, True, True, None, None, None)
    cause = aiohttp.ClientConnectorCertificateError(key, ssl.SSLCertVerificationError("self-signed"))
    error = translate(ServiceRequestError(cause, error=cause), Subject.CONVERSATION)
    assert isinstance(error, ConfigurationError)
    assert "SSL_CERT_FILE" in str(error)


def test_an_unknown_outcome_keeps_its_kind_and_says_so() -> None:
    error = translate(OutcomeUnknown(TimeoutError()), Subject.MESSAGE)
    assert isinstance(error, ServiceTimeoutError)
    assert "unknown" in error.detail


@pytest.mark.parametrize("cause", [status(429), RateLimitedError("too many")])
def test_an_unknown_outcome_is_no_429_which_would_say_that_there_was_no_effect(cause: Exception) -> None:
    error = translate(OutcomeUnknown(cause), Subject.MESSAGE)
    assert isinstance(error, ServiceTimeoutError)
    assert "unknown" in error.detail


def test_errors_of_the_port_pass_unchanged() -> None:
    original = NotFoundError("Media not found", code=50507)
    assert original is translate(original, Subject.CONVERSATION)
    with pytest.raises(NotFoundError) as caught, translated(Subject.CONVERSATION):
        raise original
    assert original is caught.value


def test_the_cause_is_kept() -> None:
    cause = status(404)
    with pytest.raises(NotFoundError) as caught, translated(Subject.CONVERSATION):
        raise cause
    assert cause is caught.value.__cause__


@pytest.mark.parametrize(
    "cause", [DecodeError(message="garbage"), DeserializationError("garbage"), TimeoutError(), status(503)]
)
def test_nothing_of_the_sdk_gets_through(cause: Exception) -> None:
    with pytest.raises(TwilioCompatError), translated(Subject.CONVERSATION):
        raise cause


@pytest.mark.parametrize("error", [asyncio.CancelledError(), KeyError("bug")])
def test_cancellation_and_bugs_pass_through(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, translated(Subject.CONVERSATION):
        raise error
    assert error is caught.value
