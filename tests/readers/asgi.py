"""Says of each request what uvicorn read.

    python asgi.py SOCKET h11|httptools
"""

import sys

import uvicorn


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    length, more = 0, True
    while more:
        message = await receive()
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    target = scope["raw_path"].decode("latin-1")
    if scope["query_string"]:
        target += "?" + scope["query_string"].decode("latin-1")
    said = f"{scope['method']} {target} {length}".encode("latin-1")
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(said)).encode())]}
    )
    await send({"type": "http.response.body", "body": said})


if __name__ == "__main__":
    socket, http = sys.argv[1:]
    uvicorn.run(
        app,
        uds=socket,
        http=http,
        lifespan="off",
        access_log=False,
        log_level="warning",
        h11_max_incomplete_event_size=1 << 18,
        timeout_keep_alive=60,
    )
