"""Says of each request what aiohttp read.

    python aiohttp_reader.py SOCKET
"""

import asyncio
import sys

from aiohttp import web

LARGEST = 1 << 18


async def say(request):
    length = 0
    async for chunk in request.content.iter_any():
        length += len(chunk)
    return web.Response(text=f"{request.method} {request.raw_path} {length}")


async def main():
    # The body as it is: what is compared is where it ends, not what it means.
    server = web.Server(
        say,
        max_line_size=LARGEST,
        max_field_size=LARGEST,
        keepalive_timeout=60,
        access_log=None,
        auto_decompress=False,
    )
    await asyncio.get_running_loop().create_unix_server(server, sys.argv[1])
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
