"""A real nginx before the page, which shows it under a path, as docs/howto/web.md says."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")

_CONFIG = """
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
worker_processes 1;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  client_max_body_size 0;
  server {{
    listen 127.0.0.1:{port};
    location /smears/ {{
      proxy_pass http://127.0.0.1:{page}/;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
    }}
  }}
}}
"""


class Nginx:
    """Passes ``url`` on to a page on this machine; ``folder`` is for what it writes."""

    def __init__(self, page: int, folder: Path) -> None:
        assert NGINX is not None
        folder.mkdir()
        with socket.create_server(("127.0.0.1", 0), backlog=256) as listening:
            port = listening.getsockname()[1]
            config = folder / "nginx.conf"
            config.write_text(_CONFIG.format(folder=folder, port=port, page=page))
            # It takes the open socket, as from a nginx before it: nobody else can get the port.
            self._process = subprocess.Popen(
                [NGINX, "-e", str(folder / "error.log"), "-c", str(config)],
                pass_fds=[listening.fileno()],
                env={**os.environ, "NGINX": f"{listening.fileno()};"},
            )
        self.url = f"http://127.0.0.1:{port}/smears"

    def __enter__(self) -> Nginx:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
