"""Refusals, in the form Azure Storage gives them: a status, a code that programs branch on, and a text."""

from __future__ import annotations

from collections.abc import Mapping

_DEFAULTS: Mapping[str, tuple[int, str]] = {
    "AuthenticationFailed": (403, "The server could not authenticate the request: check the Authorization header or the signature."),
    "AuthorizationPermissionMismatch": (403, "The shared access signature does not permit this operation."),
    "AuthorizationProtocolMismatch": (403, "The shared access signature does not permit this protocol."),
    "AuthorizationResourceTypeMismatch": (403, "The shared access signature does not permit this type of resource."),
    "AuthorizationServiceMismatch": (403, "The shared access signature does not permit the Blob service."),
    "AuthorizationSourceIPMismatch": (403, "The shared access signature does not permit this client address."),
    "BlobAlreadyExists": (409, "The blob already exists."),
    "BlobNotFound": (404, "The blob does not exist."),
    "ConditionNotMet": (412, "The condition in a conditional header was not met."),
    "ContainerAlreadyExists": (409, "The container already exists."),
    "ContainerNotFound": (404, "The container does not exist."),
    "InternalError": (500, "The emulator failed; its log says why."),
    "InvalidAuthenticationInfo": (401, "The emulator takes a shared key or a shared access signature, nothing else."),
    "InvalidBlobOrBlock": (400, "A block identifier is not valid Base64, is too long, or differs in length from the others."),
    "InvalidBlockList": (400, "The block list names a block that does not exist."),
    "InvalidHeaderValue": (400, "A header has a value that is not valid."),
    "InvalidInput": (400, "The request is not valid."),
    "InvalidMd5": (400, "The MD5 given is not the Base64 of 16 bytes."),
    "InvalidMetadata": (400, "A metadata name is not an identifier: letters, digits and underscores, not a digit first."),
    "InvalidQueryParameterValue": (400, "A query parameter has a value that is not valid."),
    "InvalidRange": (416, "The range lies outside the blob."),
    "InvalidResourceName": (400, "The name of the container or blob has characters it may not have."),
    "InvalidXmlDocument": (400, "The request body is not the XML document expected here."),
    "Md5Mismatch": (400, "The MD5 given is not that of the bytes received."),
    "MetadataTooLarge": (400, "The metadata exceeds 8 KB."),
    "MissingContentLengthHeader": (411, "The header Content-Length is missing."),
    "MissingRequiredHeader": (400, "A header that this operation requires is missing."),
    "NoAuthenticationInformation": (401, "The request carries neither an Authorization header nor a signature."),
    "NotImplemented": (501, "The emulator does not have this operation; see what it offers in its documentation."),
    "OutOfRangeInput": (400, "A value or name is too short or too long."),
    "RequestBodyTooLarge": (413, "The request body is larger than this operation takes."),
    "ResourceNotFound": (404, "There is no such resource."),
    "UnsupportedHttpVerb": (405, "The resource does not take this HTTP verb."),
}  # fmt: skip


class StorageError(Exception):
    """A refused request. *code* is one of Azure's; *detail* says more, *headers* travel with the answer."""

    def __init__(self, code: str, detail: str = "", *, headers: Mapping[str, str] | None = None) -> None:
        """Look up the status and text of *code*."""
        self.status, self.message = _DEFAULTS[code]
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})
        super().__init__(f"{code}: {detail or self.message}")


class NotModifiedError(Exception):
    """A read whose condition says that the caller's copy is current: 304, without a body."""

    def __init__(self, etag: str) -> None:
        """Keep the blob's *etag*, which the answer carries."""
        self.etag = etag
        super().__init__(etag)
