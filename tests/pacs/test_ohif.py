"""OHIF in Chromium shows a field with its values. By hand, since a browser without a GPU is slow.

``npm pack @ohif/app@3.13.2``, unpack it, then look at the picture that comes of
``OHIF=package/dist SHOT=ohif.png python -m pytest tests/pacs/test_ohif.py``.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

pytest.importorskip("pynetdicom", reason="the extra pacs is not installed")

from pydicom import dcmread
from pydicom.filebase import DicomBytesIO

from allclient import Client
from allclient.pacs.config import Config
from allclient.pacs.gateway import Gateway
from tests.pacs.conftest import HTTP, Orthanc
from tests.unit.client.kserve import MALIGNANT_ANSWER, KServe
from tests.unit.dicom.objects import as_file, jpeg_object
from tests.waiting import until

OHIF = os.environ.get("OHIF", "")
SECONDS = 240
"""For a page to show what it should; drawing without a GPU takes its time."""

pytestmark = [
    pytest.mark.skipif(not OHIF, reason="by hand: OHIF names the folder of a built viewer"),
    pytest.mark.timeout(900),
]

CONFIG = """
window.config = {
  routerBasename: '/', extensions: [], modes: [], showStudyList: true,
  dangerouslyUseDynamicConfig: {enabled: false},
  investigationalUseDialog: {option: 'never'},
  defaultDataSourceName: 'dicomweb',
  dataSources: [{
    namespace: '@ohif/extension-default.dataSourcesModule.dicomweb', sourceName: 'dicomweb',
    configuration: {
      friendlyName: 'Orthanc', name: 'orthanc', wadoUriRoot: '/dicom-web',
      qidoRoot: '/dicom-web', wadoRoot: '/dicom-web', imageRendering: 'wadors',
      thumbnailRendering: 'wadors', enableStudyLazyLoad: true, supportsFuzzyMatching: false,
      supportsWildcard: true, omitQuotationForMultipartRequest: true,
    },
  }],
};
"""


class Pages(SimpleHTTPRequestHandler):
    """The viewer's files, with Orthanc's DICOMweb below the same address."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments, directory=OHIF)

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/dicom-web"):
            wanted = {"Accept": self.headers["Accept"]}
            answer = requests.get(HTTP + self.path, headers=wanted, timeout=60)
            self._say(answer.status_code, answer.headers["Content-Type"], answer.content)
        elif path == "/app-config.js":
            self._say(200, "text/javascript", CONFIG.encode())
        elif not Path(OHIF, path.lstrip("/")).is_file():
            self.path = "/index.html"
            super().do_GET()
        else:
            super().do_GET()

    def _say(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def address(namespace: None) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_viewer_shows_the_field_with_its_values(
    orthanc: Orthanc, make_config: Callable[..., Config], address: str, tmp_path: Path
) -> None:
    from playwright.sync_api import sync_playwright

    made = jpeg_object(3)
    with (
        KServe(lambda _: MALIGNANT_ANSWER) as triton,
        Client(triton.address) as client,
        Gateway(make_config(picture=False, pdf=False), client, "0.0.0"),
    ):
        requests.post(f"{HTTP}/instances", data=as_file(made), timeout=60).raise_for_status()
        orthanc.send_all("gateway")
        (data,) = until(lambda: orthanc.files("SR"), "a report in Orthanc")
    report = dcmread(DicomBytesIO(data))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--use-gl=swiftshader", "--enable-unsafe-swiftshader"],
        )
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(
            f"{address}/viewer?StudyInstanceUIDs={made.StudyInstanceUID}"
            f"&initialSeriesInstanceUID={report.SeriesInstanceUID}",
            timeout=SECONDS * 1000,
        )
        try:
            page.get_by_text("Skip all").click(timeout=SECONDS * 1000)
            for value in ("Probability: 0.95", "P(pre-B): 0.8"):
                page.get_by_text(value).first.until(timeout=SECONDS * 1000)
        finally:
            page.screenshot(path=os.environ.get("SHOT", tmp_path / "ohif.png"), timeout=60_000)
            browser.close()
