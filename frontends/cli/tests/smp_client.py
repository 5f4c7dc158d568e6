"""What smpclient, an MCUmgr client from PyPI, does with a device in its recovery mode: PORT FILE."""

import asyncio
import sys

from smpclient import SMPClient
from smpclient.exceptions import SMPUploadError
from smpclient.generics import error, success
from smpclient.requests.image_management import ImageErase, ImageStatesRead, ImageStatesWrite
from smpclient.requests.os_management import EchoWrite, MCUMgrParametersRead, ResetWrite
from smpclient.transport.serial import SMPSerialTransport


async def main(port, file):
    image = open(file, "rb").read()
    async with SMPClient(SMPSerialTransport(), port) as client:
        echo = await client.request(EchoWrite(d="Hello"))
        assert success(echo) and echo.r == "Hello", echo
        parameters = await client.request(MCUMgrParametersRead())
        assert success(parameters) and parameters.buf_size >= 512, parameters

        before = await client.request(ImageStatesRead())
        assert success(before), before
        slots = [(entry.image, entry.slot, entry.confirmed) for entry in before.images]
        assert slots == [(0, 0, True), (1, 0, True)], before

        bad = bytearray(image)
        bad[0] ^= 1
        try:
            async for _ in client.upload(bytes(bad), slot=1):
                pass
            raise SystemExit("an image without magic was taken")
        except SMPUploadError:
            pass

        async for offset in client.upload(image, slot=1):
            pass
        assert offset == len(image)

        listed = await client.request(ImageStatesRead())
        assert success(listed), listed
        (new,) = [entry for entry in listed.images if (entry.image, entry.slot) == (1, 1)]
        assert new.version == "2.0.0" and new.hash in image and not new.pending, new

        marked = await client.request(ImageStatesWrite(hash=new.hash))
        assert success(marked), marked
        assert [entry.version for entry in marked.images if entry.pending] == ["2.0.0"], marked

        erased = await client.request(ImageErase(slot=2))
        assert error(erased), "the last good image was erased"
        unknown = await client.request(ImageStatesWrite(hash=b"\0" * 32))
        assert error(unknown), unknown

        reset = await client.request(ResetWrite())
        assert success(reset), reset


asyncio.run(main(*sys.argv[1:]))
