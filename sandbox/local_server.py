"""HTTP on this machine, for the embedded ERP and for the simulated shops."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

#: Method, path with query, headers (names in lower case), body → status, headers, body. Raises
#: ConnectionAbortedError to hang up without an answer.
Handle = Callable[[str, str, Mapping[str, str], bytes], tuple[int, Mapping[str, str], bytes]]


class LocalServer:
	"""An HTTP server on a free port of this machine, answering from a function in threads."""

	def __init__(self, handle: Handle, port: int = 0):
		self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(handle))
		self._server.daemon_threads = True
		self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
		self._thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

	def __enter__(self) -> LocalServer:
		self._thread.start()
		return self

	def __exit__(self, *_: object) -> None:
		self._server.shutdown()
		self._server.server_close()
		self._thread.join()


def _handler(handle: Handle) -> type[BaseHTTPRequestHandler]:
	class Handler(BaseHTTPRequestHandler):
		protocol_version = "HTTP/1.1"
		disable_nagle_algorithm = True  # headers and body go out in two packets: the second must not wait

		def _answer(self) -> None:
			body = self.rfile.read(int(self.headers.get("content-length") or 0))
			headers = {name.lower(): value for name, value in self.headers.items()}
			try:
				status, answered, content = handle(self.command, self.path, headers, body)
			except ConnectionAbortedError:
				self.close_connection = True
				return
			self.send_response_only(status)
			told = {name.lower(): value for name, value in answered.items()}
			# One date: a shop that says what time it is has a clock of its own.
			for name, value in {
				"date": self.date_time_string(),
				**told,
				"content-length": str(len(content)),
			}.items():
				self.send_header(name, value)
			self.end_headers()
			self.wfile.write(content)

		do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer

		def log_message(self, format: str, *args: object) -> None:
			"""Nothing: the Sync Log is the log."""

	return Handler
