"""Skips one executed instruction of the bootloader at a time and looks whether a bad image starts.

The bootloader's ELF file runs in an emulated Cortex-M33 (Unicorn, https://www.unicorn-engine.org), over a copy of
a device's flash. The run stops before every executed instruction of the decision window; from there a second
machine with the same registers and memory goes on without that instruction, to its end; then the first goes on
where it was.

Decision window: what the crates that decide execute (boot, image, platform, codec, the bootloader itself). Not in
it: primitives of cryptography and copying loops, whose results the window judges.

Exit code: 0 if the verdict without a skip is the expected one and no skip changes it, 1 if not.
"""

import argparse
import collections
import ctypes
import mmap
import os
import sys
import time

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from unicorn import (
    UC_ARCH_ARM, UC_HOOK_CODE, UC_HOOK_MEM_WRITE, UC_MODE_MCLASS, UC_MODE_THUMB, UC_PROT_ALL, Uc, UcError,
)
from unicorn.arm_const import UC_ARM_REG_PC, UC_ARM_REG_SP, UC_CPU_ARM_CORTEX_M33

# The memory map of AN521: ARCHITECTURE.md. Ranges are (start, length).
BOOTLOADER = (0x1000_0000, 0x1_0000)
IMAGES = (0x1001_0000, 0x3F_0000)
SRAM = (0x3000_0000, 0x2_0000)
FLASH = (0x8000_0000, 0x100_0000)
UART = (0x5020_0000, 0x1000)
SYSTEM = (0xE000_E000, 0x1000)
MEMORY = (BOOTLOADER, IMAGES, SRAM, FLASH, UART, SYSTEM)

# Parts of the names of functions in the decision window.
DECIDERS = (
    "ironroot_boot", "ironroot_image", "ironroot_platform", "ironroot_codec", "ironroot_main", "an521_bootloader",
    "OUTLINED_FUNCTION", "jump_secure", "6Opened5holds",
)
# Words for the console and for the fault record decide nothing.
NOT_DECIDERS = ("refusal..Refusal", "Version5spell", "7decimal", "crc5crc32", "Crc32")

# How a run ends.
STOPPED, STARTED, REFUSED, FAULT, HANG = ENDS = ("stopped", "started", "refused", "fault", "hang")
# A run that takes longer hangs, in seconds of processor time; a whole boot takes a tenth of one.
LONGEST = 2
# Carried out in place of the skipped instruction, by its size in bytes.
NOP = {2: b"\x00\xbf", 4: b"\xaf\xf3\x00\x80"}


class Machine:
    """One Cortex-M33 with the board's memory."""

    def __init__(self, elf, flash, speaks):
        self.uc = Uc(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS)
        self.uc.ctl_set_cpu_model(UC_CPU_ARM_CORTEX_M33)
        self.buffers = {}
        for place in MEMORY:
            buffer = mmap.mmap(-1, place[1])
            pointer = ctypes.addressof(ctypes.c_char.from_buffer(buffer))
            self.buffers[place] = (buffer, pointer)
            self.uc.mem_map_ptr(place[0], place[1], UC_PROT_ALL, pointer)
        self.uc.mem_write(FLASH[0], flash)
        for section in elf.iter_sections():
            if section["sh_flags"] & 2 and section["sh_type"] == "SHT_PROGBITS" and section["sh_size"]:
                self.uc.mem_write(section["sh_addr"], section.data())
        self.console = bytearray()
        self.end = STOPPED
        if speaks:
            # One watched address makes every access of the emulator five times as slow.
            self.hook(UC_HOOK_MEM_WRITE, UART, self.on_uart)
        # Whatever lies behind the bootloader is an image: to execute there is to start it.
        self.hook(UC_HOOK_CODE, IMAGES, self.on_image)
        vectors = self.uc.mem_read(BOOTLOADER[0], 8)
        self.uc.reg_write(UC_ARM_REG_SP, int.from_bytes(vectors[:4], "little"))
        self.entry = int.from_bytes(vectors[4:], "little")

    def hook(self, kind, place, call):
        return self.uc.hook_add(kind, call, begin=place[0], end=place[0] + place[1] - 1)

    def on_uart(self, _uc, _access, address, _size, value, _data):
        if address == UART[0]:
            self.console.append(value & 0xFF)

    def on_image(self, uc, _address, _size, _data):
        self.end = STARTED
        uc.emu_stop()

    def on_stay(self, uc, _address, _size, _data):
        self.end = REFUSED
        uc.emu_stop()

    def become(self, other):
        """Takes over the other's registers and memory."""
        for place in MEMORY:
            (own, to), (others, start) = self.buffers[place], other.buffers[place]
            if place == BOOTLOADER:
                if own[:] == others[:]:
                    continue
                self.uc.ctl_flush_tb()
            ctypes.memmove(to, start, place[1])
        self.uc.context_restore(other.uc.context_save())

    def go(self, address, count=0, longest=0):
        """Runs from `address` to the next stop, `count` instructions, or `longest` seconds of processor time."""
        self.end = STOPPED
        begun = time.process_time()
        try:
            while True:
                self.uc.emu_start(address | 1, 0xFFFF_FFFE, count=count, timeout=longest * 1_000_000)
                if self.end != STOPPED or not longest:
                    break
                if time.process_time() - begun > longest:
                    self.end = HANG
                    break
                address = self.uc.reg_read(UC_ARM_REG_PC)
        except UcError:
            self.end = FAULT
        return self.end


class Skipper:
    """The run, its decision window, and a second machine for each run that leaves it."""

    def __init__(self, path, flash, every, each, share):
        with open(path, "rb") as file:
            elf = ELFFile(file)
            self.machine = Machine(elf, flash, speaks=True)
            self.other = Machine(elf, flash, speaks=False)
            self.symbols = sorted(functions(elf))
        self.every = every
        self.each = each
        self.share = share
        self.executed = 0
        self.tried = collections.Counter()
        self.pending = None
        self.passing = False
        self.ends = collections.Counter()
        self.escapes = []
        ends = 0
        for start, size, name in self.symbols:
            if "16an521_bootloader4stay" in name:
                ends += 1
                for machine in (self.machine, self.other):
                    machine.hook(UC_HOOK_CODE, (start, size), machine.on_stay)
            elif any(word in name for word in DECIDERS) and not any(word in name for word in NOT_DECIDERS):
                self.machine.hook(UC_HOOK_CODE, (start, size), self.on_window)
        if not ends:
            sys.exit("skip: the bootloader has no function `stay`, where it ends when nothing starts")

    def on_window(self, uc, address, size, _data):
        if self.passing:
            self.passing = False
            return
        self.executed += 1
        if address in self.conditional:
            self.conditional.discard(address)
            return
        self.conditional.clear()
        steps = self.steps(address, size)
        self.conditional.update(at for at, _ in steps[1:])
        if address // 2 % self.share or self.each and self.tried[address] >= self.each:
            return
        if self.every and self.executed % self.every == 0:
            self.pending = steps
            uc.emu_stop()

    # What an IT instruction before makes conditional: not a place to stop at.
    conditional = set()

    def steps(self, address, size):
        """The instruction, and those that it makes conditional: each with its size."""
        steps = [(address, size)]
        code = int.from_bytes(self.machine.uc.mem_read(address, 2), "little")
        if size == 2 and code & 0xFF00 == 0xBF00 and code & 0xF:
            # IT: the position of the lowest set bit says how many follow (Armv8-M, "IT").
            for _ in range(4 - ((code & 0xF) & -(code & 0xF)).bit_length() + 1):
                address += size
                code = int.from_bytes(self.machine.uc.mem_read(address, 2), "little")
                size = 4 if code >> 11 in (0b11101, 0b11110, 0b11111) else 2
                steps.append((address, size))
        return steps

    def run(self, expected, progress):
        """The whole sweep; how the run without a skip ended."""
        begun = shown = time.monotonic()
        at = self.machine.entry
        copied = None
        while (end := self.machine.go(at)) == STOPPED and self.pending:
            steps, self.pending = self.pending, None
            at = steps[0][0]
            if copied is None:
                self.other.become(self.machine)
                copied = self.other.go(at, longest=LONGEST)
            for index, (address, _) in enumerate(steps):
                self.tried[address] += 1
                self.skip(steps, index, expected)
            self.passing = True
            if progress and time.monotonic() - shown > 5:
                shown = time.monotonic()
                tried = sum(self.ends.values())
                print(f"skip: {tried} tried, {shown - begun:.0f} s, in {self.place(at)}", file=sys.stderr)
        if copied not in (None, end):
            sys.exit(f"skip: the second machine is not like the first: {copied} without a skip, not {end}")
        return end

    def skip(self, steps, index, expected):
        """The second machine goes on without instruction `index` of `steps`, from the first one's address."""
        machine = self.other
        machine.become(self.machine)
        address, size = steps[index]
        if index == 0:
            end = machine.go(address + size, longest=LONGEST)
        else:
            # To leave out a conditional instruction moves the conditions: it is replaced until the last was met.
            code = bytes(machine.uc.mem_read(address, size))
            machine.uc.mem_write(address, NOP[size])
            end = machine.go(steps[0][0], count=len(steps))
            machine.uc.mem_write(address, code)
            if end == STOPPED:
                end = machine.go(machine.uc.reg_read(UC_ARM_REG_PC), longest=LONGEST)
        self.ends[end] += 1
        if end == STARTED and expected != STARTED:
            self.escapes.append((self.place(address), address))

    def place(self, address):
        for start, size, name in self.symbols:
            if start <= address < start + size:
                return f"{name}+{address - start:#x}"
        return hex(address)


def functions(elf):
    for section in elf.iter_sections():
        if isinstance(section, SymbolTableSection):
            for symbol in section.iter_symbols():
                if symbol["st_info"]["type"] == "STT_FUNC" and symbol["st_size"]:
                    yield symbol["st_value"] & ~1, symbol["st_size"], symbol.name


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bootloader", help="ELF file")
    parser.add_argument("flash", help="what the board's flash holds, 16 MiB")
    parser.add_argument("--expect", choices=("started", "refused"), default="refused", help="verdict without a skip")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="skip each N-th executed instruction; 0: none")
    parser.add_argument("--each", type=int, default=0, metavar="N", help="skip the instruction at one address at most N times")
    parser.add_argument("--share", type=int, default=1, metavar="N", help="only at each N-th address")
    parser.add_argument("--save", metavar="FILE", help="what the flash holds after the run without a skip")
    parser.add_argument("--progress", action="store_true", help="say every five seconds how far it is")
    parser.add_argument("--console", action="store_true", help="print the console of the run without a skip")
    options = parser.parse_args()
    with open(options.flash, "rb") as file:
        flash = file.read()
    if len(flash) != FLASH[1]:
        sys.exit(f"skip: {options.flash} has {len(flash)} bytes, the board's flash {FLASH[1]}")
    skipper = Skipper(options.bootloader, flash, options.every, options.each, options.share)
    verdict = skipper.run(options.expect, options.progress)
    if options.console:
        print(skipper.machine.console.decode(errors="replace"), end="")
    if options.save:
        with open(options.save, "wb") as file:
            file.write(skipper.machine.uc.mem_read(*FLASH))
    tried = sum(skipper.ends.values())
    ends = ", ".join(f"{count} {end}" for end, count in sorted(skipper.ends.items()))
    print(f"without a skip: {verdict}; window: {skipper.executed} instructions executed; "
          f"{tried} skips tried at {len(skipper.tried)} addresses: {ends or 'none'}")
    for place, address in skipper.escapes[:40]:
        print(f"ESCAPE {address:#010x} {place}")
    print(f"{len(skipper.escapes)} skips started an image that must not start")
    sys.stdout.flush()
    # Without the end of Unicorn, which would free memory that is Python's.
    os._exit(verdict != options.expect or bool(skipper.escapes))


main()
