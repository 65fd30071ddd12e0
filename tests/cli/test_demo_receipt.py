from freehold import wire
from freehold.cli.demo_receipt import fetched


async def test_receipt_is_asked_for_until_a_checkpoint_covers_it() -> None:
    asked: list[str] = []

    async def admin(request: wire.Request) -> wire.Reply:
        asked.append(request.path)
        return wire.Reply(status=202 if len(asked) < 3 else 200, body=b"{}")

    server = await wire.serve(admin, "127.0.0.1", 0)
    try:
        got = await fetched(f"http://127.0.0.1:{wire.port_of(server)}", "ID")
    finally:
        server.close()
    assert (got, asked) == (b"{}", ["/receipts/ID"] * 3)
