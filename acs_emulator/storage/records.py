"""What the storage account holds, and how each of it is written down as a journal row and read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from acs_emulator.journal import Json, Row
from acs_emulator.storage.files import Segment


@dataclass(frozen=True, slots=True)
class Settings:
    """The headers a blob is served with; empty ones are left out. *content_md5* is the Base64 of the whole blob's."""

    content_type: str = "application/octet-stream"
    content_encoding: str = ""
    content_language: str = ""
    content_disposition: str = ""
    cache_control: str = ""
    content_md5: str = ""


@dataclass(frozen=True, slots=True)
class Blob:
    """A committed block blob."""

    container: str
    name: str
    etag: str
    created: datetime
    last_modified: datetime
    settings: Settings
    metadata: Mapping[str, str]
    segments: tuple[Segment, ...]

    @property
    def key(self) -> str:
        """Key of its journal row."""
        return f"{self.container}/{self.name}"

    @property
    def size(self) -> int:
        """Length in bytes."""
        return sum(segment.size for segment in self.segments)


@dataclass(frozen=True, slots=True)
class Container:
    """A container: its blobs by name, and waiting blocks by blob name and block identifier."""

    name: str
    etag: str
    last_modified: datetime
    metadata: Mapping[str, str]
    blobs: dict[str, Blob] = field(default_factory=dict)
    blocks: dict[str, dict[str, Segment]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WaitingBlock:
    """A block that has not been committed."""

    container: str
    blob: str
    segment: Segment

    @property
    def key(self) -> str:
        """Key of its journal row. A line feed cannot be in an identifier, so two blocks never share one."""
        return f"{self.container}/{self.blob}\n{self.segment.block}"


def container_row(container: Container) -> Row:
    """Write a container down, without its contents."""
    return {
        "etag": container.etag,
        "last_modified": container.last_modified.isoformat(),
        "metadata": dict(container.metadata),
    }


def container_from(name: str, row: Mapping[str, Any]) -> Container:  # a JSON row, checked by use
    """Read a container back."""
    return Container(name, row["etag"], datetime.fromisoformat(row["last_modified"]), row["metadata"])


def blob_row(blob: Blob) -> Row:
    """Write a blob down."""
    segments: list[Json] = [asdict(segment) for segment in blob.segments]
    return {
        "container": blob.container,
        "name": blob.name,
        "etag": blob.etag,
        "created": blob.created.isoformat(),
        "last_modified": blob.last_modified.isoformat(),
        "settings": asdict(blob.settings),
        "metadata": dict(blob.metadata),
        "segments": segments,
    }


def blob_from(row: Mapping[str, Any]) -> Blob:  # a JSON row, checked by use
    """Read a blob back."""
    return Blob(
        container=row["container"],
        name=row["name"],
        etag=row["etag"],
        created=datetime.fromisoformat(row["created"]),
        last_modified=datetime.fromisoformat(row["last_modified"]),
        settings=Settings(**row["settings"]),
        metadata=row["metadata"],
        segments=tuple(Segment(**segment) for segment in row["segments"]),
    )


def block_row(block: WaitingBlock) -> Row:
    """Write a waiting block down."""
    return {"container": block.container, "blob": block.blob, "segment": asdict(block.segment)}


def block_from(row: Mapping[str, Any]) -> WaitingBlock:  # a JSON row, checked by use
    """Read a waiting block back."""
    return WaitingBlock(row["container"], row["blob"], Segment(**row["segment"]))
