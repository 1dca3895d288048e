"""Defines the tables. ``migrations/`` makes them; a test holds the two against each other."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    JSON,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Utc(TypeDecorator[datetime]):
    """A moment in UTC, on databases that keep no time zone as well."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the moment as the database keeps it."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the moment in UTC."""
        return None if value is None else value.replace(tzinfo=value.tzinfo or UTC).astimezone(UTC)


def now() -> datetime:
    """Return this moment in UTC."""
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """The base of all tables, with names for their constraints."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012  SQLAlchemy reads it from the class
        datetime: Utc,
        dict[str, Any]: JSON,
        list[Any]: JSON,
        str: String(200),
    }


_NEVER_REUSED: Final[dict[str, Any]] = {"sqlite_autoincrement": True}
"""The audit log names rows by their ids, also when they are deleted."""


class User(Base):
    """A person who may log in."""

    __tablename__ = "users"
    # An index and no constraint: SQLite adds one to a table that is there.
    __table_args__ = (Index("uq_users_subject", "subject", unique=True), _NEVER_REUSED)
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str] = mapped_column(Text)
    """Empty for a person who has none and logs in elsewhere."""
    subject: Mapped[str | None] = mapped_column(Text)
    """Issuer and subject of the person at an OpenID Connect provider."""
    role: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Secret(Base):
    """The hash of a session cookie, of a one-time link or of a token for programs."""

    __tablename__ = "secrets"
    __table_args__ = _NEVER_REUSED
    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(unique=True)
    purpose: Mapped[str]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    role: Mapped[str | None]
    """Role in a one-time link: what the person who takes it becomes."""
    name: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]
    user: Mapped[User | None] = relationship(lazy="joined")


class Case(Base):
    """All fields of one patient's specimen."""

    __tablename__ = "cases"
    __table_args__ = _NEVER_REUSED
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    signed: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Nothing in a signed case changes until it is opened again."""
    created_at: Mapped[datetime] = mapped_column(default=now)
    created_by: Mapped[str]


class File(Base):
    """One encoded image, by the SHA-256 of its bytes; several fields may show it."""

    __tablename__ = "files"
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    size: Mapped[int]
    media_type: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Field(Base):
    """One picture of a smear through the microscope, in its case."""

    __tablename__ = "fields"
    __table_args__ = (
        UniqueConstraint("case_id", "digest"),
        Index(None, "case_id", "verdict", "urgency"),
        Index(None, "state", "id"),
        _NEVER_REUSED,
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id", ondelete="CASCADE"))
    digest: Mapped[str] = mapped_column(ForeignKey("files.digest"), index=True)
    name: Mapped[str]
    study_uid: Mapped[str | None]
    """Study Instance UID of the DICOM object that it was uploaded as."""
    um_per_pixel: Mapped[float | None]
    """The size of a pixel in micrometres that the DICOM object said."""
    site: Mapped[str | None] = mapped_column(String(64))
    """Who made the DICOM object: the institution, the station or the application."""
    state: Mapped[str]
    error_code: Mapped[str | None]
    error_message: Mapped[str | None] = mapped_column(Text)
    urgency: Mapped[float] = mapped_column(default=0.0)
    """How soon a person should look: the highest first."""
    verdict: Mapped[str] = mapped_column(default="")
    """The latest verification's; empty before there is one."""
    verified_subtype: Mapped[str | None]
    version: Mapped[int] = mapped_column(default=1)
    """Counts every change, so that nobody overwrites what they have not seen."""
    created_at: Mapped[datetime] = mapped_column(default=now)
    created_by: Mapped[str]
    case: Mapped[Case] = relationship()
    file: Mapped[File] = relationship()
    answer: Mapped[Answer | None] = relationship(back_populates="field", passive_deletes=True)
    late: Mapped[LateOutcome | None] = relationship(back_populates="field", passive_deletes=True)
    verifications: Mapped[list[Verification]] = relationship(
        back_populates="field", order_by="Verification.id", passive_deletes=True
    )


class Answer(Base):
    """What the ensemble says of a field; the columns are those of ``allclient.Result``."""

    __tablename__ = "answers"
    id: Mapped[int] = mapped_column(primary_key=True)
    field_id: Mapped[int] = mapped_column(ForeignKey("fields.id", ondelete="CASCADE"), unique=True)
    model_version: Mapped[str]
    label: Mapped[str]
    subtype: Mapped[str]
    probability: Mapped[float]
    probabilities: Mapped[dict[str, Any]]
    backbone_probabilities: Mapped[dict[str, Any]]
    votes: Mapped[dict[str, Any]]
    review: Mapped[list[Any]]
    ood_score: Mapped[float]
    heatmap: Mapped[list[Any]]
    leukocytes: Mapped[int | None]
    """None where cells were not asked for; so are the next two where nothing is known."""
    malignant_leukocytes: Mapped[int | None]
    um_per_pixel: Mapped[float | None]
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)
    field: Mapped[Field] = relationship(back_populates="answer")


class LateOutcome(Base):
    """What came of a field that the backbones still read when its case was signed.

    Nothing of it stands in the case until somebody opens the case again.
    """

    __tablename__ = "late_outcomes"
    field_id: Mapped[int] = mapped_column(
        ForeignKey("fields.id", ondelete="CASCADE"), primary_key=True
    )
    answer: Mapped[dict[str, Any]]
    """The columns of an ``Answer``; empty where the field could not be read."""
    cells: Mapped[list[Any]]
    """The columns of each ``Cell``."""
    error_code: Mapped[str | None]
    error_message: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=now)
    field: Mapped[Field] = relationship(back_populates="late")


class Cell(Base):
    """One leukocyte of a field: what ``allclient.Cell`` says of it, and what a person does."""

    __tablename__ = "cells"
    __table_args__ = (
        UniqueConstraint("field_id", "number"),
        Index(None, "case_id", "shown_as", "probability"),
        _NEVER_REUSED,
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id", ondelete="CASCADE"))
    field_id: Mapped[int] = mapped_column(ForeignKey("fields.id", ondelete="CASCADE"))
    number: Mapped[int]
    """Within the field, from 0."""
    x: Mapped[float]
    y: Mapped[float]
    width: Mapped[float]
    height: Mapped[float]
    probabilities: Mapped[dict[str, Any]]
    area_share: Mapped[float]
    agreement: Mapped[float]
    subtype: Mapped[str]
    """The backbones' word."""
    probability: Mapped[float]
    """Probability of the label of ``subtype``."""
    shown_as: Mapped[str]
    """The subtype that holds: the backbones' until a person corrects it."""
    corrected: Mapped[bool] = mapped_column(default=False)
    version: Mapped[int] = mapped_column(default=1)
    """Number of changes, as a field has it."""
    features: Mapped[bytes | None] = mapped_column(deferred=True)
    """How it looks, as ``answers.features_of`` reads it; None where the server did not say."""
    field: Mapped[Field] = relationship()
    corrections: Mapped[list[Correction]] = relationship(
        back_populates="cell", order_by="Correction.id", passive_deletes=True
    )


class ByAPerson:
    """Columns of what one person said at one moment; such a row is never changed."""

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    user_name: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Correction(ByAPerson, Base):
    """What one person said of one cell at one moment. Never changed; a later one counts."""

    __tablename__ = "corrections"
    __table_args__ = _NEVER_REUSED
    cell_id: Mapped[int] = mapped_column(ForeignKey("cells.id", ondelete="CASCADE"), index=True)
    subtype: Mapped[str]
    cell: Mapped[Cell] = relationship(back_populates="corrections")


class Verification(ByAPerson, Base):
    """What one person said of one field at one moment. Never changed; a later one counts."""

    __tablename__ = "verifications"
    __table_args__ = _NEVER_REUSED
    field_id: Mapped[int] = mapped_column(ForeignKey("fields.id", ondelete="CASCADE"), index=True)
    verdict: Mapped[str]
    subtype: Mapped[str | None]
    """The subtype that holds now; None for a field that is unusable."""
    comment: Mapped[str] = mapped_column(Text)
    blind: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether the person could not see what others had said."""
    field: Mapped[Field] = relationship(back_populates="verifications")


class Signature(ByAPerson, Base):
    """What one person concluded of a case, with the report as it was then. Never changed."""

    __tablename__ = "signatures"
    __table_args__ = _NEVER_REUSED
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id", ondelete="CASCADE"), index=True)
    conclusion: Mapped[str]
    comment: Mapped[str] = mapped_column(Text)
    report: Mapped[str] = mapped_column(Text)
    """One HTML file with everything in it; its SHA-256 stands in the audit log."""
    delivery: Mapped[Delivery | None] = relationship(passive_deletes=True)


class Delivery(Base):
    """A signature on its way to the PACS, as a VERIFIED report of the case's DICOM study."""

    __tablename__ = "deliveries"
    id: Mapped[int] = mapped_column(primary_key=True)
    signature_id: Mapped[int] = mapped_column(
        ForeignKey("signatures.id", ondelete="CASCADE"), unique=True
    )
    study_uid: Mapped[str | None]
    """None where the fields are of several studies."""
    subtype: Mapped[str | None]
    """The subtype of the case's malignant fields by the readers, if it is one alone."""
    state: Mapped[str]
    message: Mapped[str] = mapped_column(Text)
    """Why it failed; empty otherwise."""
    report_uid: Mapped[str]
    """SOP Instance UID of the report that the gateway sends; empty before there is one."""


class BlindReading(Base):
    """A person who reads a case without what others said of it; gone when the reading ends."""

    __tablename__ = "blind_readings"
    case_id: Mapped[int] = mapped_column(
        ForeignKey("cases.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    begun_at: Mapped[datetime] = mapped_column(default=now)


class Entry(Base):
    """One line of the audit log; ``audit.py`` says how the lines hold together."""

    __tablename__ = "audit"
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str] = mapped_column(index=True)
    details: Mapped[dict[str, Any]]
    previous: Mapped[str] = mapped_column(String(64))
    digest: Mapped[str] = mapped_column(String(64))
