"""Faults of the connection: silence, slowness, cuts and broken framing."""

from __future__ import annotations

from freehold.pocket.faults.play import Play


async def silent(play: Play) -> None:
    await play.line.silence()


async def slow_headers(play: Play) -> None:
    prepared = await play.exchange.prepare()
    await play.line.sleep(play.rule.seconds)
    await play.exchange.send(prepared)


async def slow_drip(play: Play) -> None:
    """Everything arrives, a few bytes at a time. Each drip is a chunk of its own."""
    prepared = await play.exchange.prepare()
    await play.line.head(prepared.status, prepared.headers, length=prepared.length)
    step = play.rule.bytes
    async for piece in prepared.pieces():
        for at in range(0, len(piece.data), step):
            await play.line.write(piece.data[at : at + step])
            await play.line.sleep(play.rule.seconds)
    await play.line.end()


async def stall(play: Play) -> None:
    await play.exchange.send_until(await play.exchange.prepare(), play.rule.after)
    await play.line.silence()


async def cut_fin(play: Play) -> None:
    held = await play.exchange.send_until(await play.exchange.prepare(), play.rule.after)
    await play.line.write(held[: len(held) // 2])  # in the middle of a frame
    play.line.hang_up()


async def cut_rst(play: Play) -> None:
    await play.exchange.send_until(await play.exchange.prepare(), play.rule.after)
    play.line.reset()


async def malformed_chunk(play: Play) -> None:
    """A chunk whose length is not a number. A whole body is sent as chunks, so that there is one to break."""
    prepared = await play.exchange.prepare()
    await play.line.head(prepared.status, prepared.headers, length=None)
    left = play.rule.after if prepared.length is None else 0
    async for piece in prepared.pieces():
        if piece.content and left == 0:
            break
        left -= piece.content
        await play.line.write(piece.data)
    await play.line.send(b"not-hex\r\n{}\r\n")
    play.line.hang_up()


async def short_body(play: Play) -> None:
    """Fewer bytes than Content-Length promises, then the end of the connection."""
    prepared = await play.exchange.prepare()
    body = b"".join([piece.data async for piece in prepared.pieces()])
    await play.line.head(prepared.status, prepared.headers, length=len(body))
    await play.line.write(body[: len(body) // 2])
    play.line.hang_up()
