"""Receivers of signed results in the test's own process: HL7 v2 by MLLP, and FHIR by HTTP."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import hl7
from hl7.mllp import start_hl7_server


class Lis:
    """Keeps HL7 messages and answers with what ``answer`` makes of each; None hangs up."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.messages: list[hl7.Message] = []
        self.answer: Callable[[hl7.Message], str | None] = lambda message: str(message.create_ack())
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        opening = start_hl7_server(self._talk, "127.0.0.1", 0, encoding="utf-8", ssl=context)
        self._server = asyncio.run_coroutine_threadsafe(opening, self._loop).result()
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def _talk(self, reader: Any, writer: Any) -> None:
        try:
            message = await reader.readmessage()
            self.messages.append(message)
            if (answer := self.answer(message)) is not None:
                writer.writeblock(answer.encode())
                await writer.drain()
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Fhir:
    """Keeps bundles and answers with ``answer``: a status and the JSON to a bundle."""

    def __init__(self) -> None:
        self.bundles: list[dict[str, Any]] = []
        self.tokens: list[str | None] = []
        self.version = "4.0.1"
        self.answer: Callable[[dict[str, Any]], tuple[int, Any]] = taken
        fhir = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                known = self.path == "/r4/metadata"
                self._say(200 if known else 404, {"fhirVersion": fhir.version})

            def do_POST(self) -> None:
                assert self.path == "/r4"
                assert self.headers["Content-Type"] == "application/fhir+json"
                made = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                fhir.bundles.append(made)
                fhir.tokens.append(self.headers["Authorization"])
                self._say(*fhir.answer(made))

            def _say(self, status: int, content: Any) -> None:
                body = json.dumps(content).encode()
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "/r4/metadata")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/r4"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def taken(made: dict[str, Any]) -> tuple[int, Any]:
    entries = [{"response": {"status": "201 Created"}} for _ in made["entry"]]
    return 200, {"resourceType": "Bundle", "type": "transaction-response", "entry": entries}
