"""Sends HL7 v2 messages by MLLP, and counts only AA as taken."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Coroutine
from typing import Any, Final

import hl7
from hl7.mllp import InvalidBlockError, open_hl7_connection

from allclient.errors import ConfigurationError
from allclient.pacs import network, oru
from allclient.pacs.config import Config
from allclient.pacs.sender import NotSentError
from allclient.pacs.verdict import Verdict

_SECONDS: Final = 30.0


class Mllp:
    """The receiver in ``[hl7]``; each message has a connection of its own."""

    def __init__(self, config: Config) -> None:
        assert config.hl7 is not None
        self._settings = config.hl7
        self._ae_title = config.node.ae_title
        self._context: ssl.SSLContext | None = None
        if config.hl7.tls:
            if config.node.tls is None:
                raise ConfigurationError("hl7.tls needs the certificate of [node.tls]")
            self._context = network.client_context(config.node.tls)

    def connect(self) -> None:
        """Open a connection and close it; nothing is sent. Raises NotSentError."""
        self._run(self._exchange(None))

    def send(self, verdict: Verdict) -> None:
        """Send a result and wait for its acknowledgement. Raises NotSentError."""
        answer = self._run(self._exchange(oru.message(verdict, self._settings, self._ae_title)))
        check(answer, oru.control_id(verdict.header.SOPInstanceUID))

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        try:
            return asyncio.run(asyncio.wait_for(work, _SECONDS))
        except TimeoutError as error:
            raise NotSentError(f"HL7: no answer within {_SECONDS:.0f} seconds") from error
        except (asyncio.IncompleteReadError, InvalidBlockError) as error:
            raise NotSentError("HL7: the connection ended without an acknowledgement") from error
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise NotSentError(f"HL7: no connection ({reason})") from error
        except (hl7.HL7Exception, ValueError, IndexError, KeyError) as error:
            # Its text may hold the message.
            raise NotSentError("HL7: the answer is not an HL7 message") from error

    async def _exchange(self, message: str | None) -> Any:
        reader, writer = await open_hl7_connection(
            self._settings.host,
            self._settings.port,
            encoding="utf-8",
            encoding_errors="replace",
            ssl=self._context,
        )
        try:
            if message is None:
                return None
            writer.writemessage(message)
            await writer.drain()
            return await reader.readmessage()
        finally:
            writer.close()


def check(answer: Any, control_id: str) -> None:
    """Raise NotSentError unless ``answer`` acknowledges this message with AA.

    The answer's own words are not repeated: they may name a patient.
    """
    try:
        code, answered = (str(answer.segment("MSA")[field]) for field in (1, 2))
    except (KeyError, IndexError) as error:
        raise NotSentError("HL7: the answer has no acknowledgement (MSA)") from error
    if answered != control_id:
        raise NotSentError("HL7: the answer acknowledges another message")
    if code != "AA":
        known = code if code in ("AE", "AR", "CA", "CE", "CR") else "something else"
        raise NotSentError(f"HL7: the receiver answered {known}, not AA")
