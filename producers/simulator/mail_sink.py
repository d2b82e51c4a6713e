#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The demo's mail server: takes every mail and writes it to a folder, one file each. It hands nothing on.

usage: mail_sink.py --folder DIR [--port N]    prints "smtp=127.0.0.1:PORT" once it listens
"""
import argparse
import asyncio
import email
import email.policy
import pathlib
import re

SIZE_MAX = 1 << 20


class Sink:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.number = len(list(self.folder.glob("*.eml")))

    def keep(self, content):
        mail = email.message_from_bytes(content, policy=email.policy.default)
        words = re.sub(r"[^A-Za-z0-9]+", "-", str(mail["Subject"] or "")).strip("-").lower()
        self.number += 1
        path = self.folder / f"{self.number:04}-{words[:80]}.eml"
        path.write_bytes(content)

    async def read_content(self, reader):
        lines, size = [], 0
        while (line := await reader.readline()) not in (b".\r\n", b".\n", b""):
            lines.append(line[1:] if line.startswith(b".") else line)
            size += len(line)
            if size > SIZE_MAX:
                raise ValueError("too large")
        return b"".join(lines)

    async def serve(self, reader, writer):
        def say(reply):
            writer.write(reply.encode() + b"\r\n")

        say("220 demo")
        try:
            while line := await reader.readline():
                verb = line[:4].upper()
                if verb in (b"EHLO", b"HELO"):
                    say("250 demo")
                elif verb == b"DATA":
                    say("354 go on")
                    self.keep(await self.read_content(reader))
                    say("250 2.0.0 taken")
                elif verb == b"QUIT":
                    say("221 bye")
                    break
                elif verb in (b"MAIL", b"RCPT", b"RSET", b"NOOP"):
                    say("250 ok")
                else:
                    say("502 5.5.1 unknown")
                await writer.drain()
        except (ConnectionError, ValueError):
            pass
        finally:
            writer.close()


async def main():
    words = argparse.ArgumentParser()
    words.add_argument("--folder", required=True)
    words.add_argument("--port", type=int, default=0)
    given = words.parse_args()
    server = await asyncio.start_server(Sink(given.folder).serve, "127.0.0.1", given.port)
    print(f"smtp=127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
