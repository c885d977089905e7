"""table.py CONSOLE COUNTS: the table of bench/profile out of a console with /proc/kallsyms and the plugin's counts."""

import bisect
import collections
import re
import sys

SHOWN = 25

# Where programs lie: runc (Go) has fixed addresses, ours are placed by the kernel.
PROGRAMS = [(0x400000, 0x10000000, "runc"), (0, 1 << 63, "pith's own programs")]

console, counts = sys.argv[1:]
symbols = sorted({int(a, 16): name for a, name in re.findall(r"(?m)^([0-9a-f]{16}) [tT] (\S+)", open(console).read())}.items())
starts = [a for a, _ in symbols]
if not symbols or symbols[0][0] == 0:
    sys.exit("table.py: the console has no addresses of the kernel's functions")


def name_of(address):
    if address >> 63:
        place = bisect.bisect_right(starts, address) - 1
        return symbols[place][1] if place >= 0 else "?"
    return next(name for low, high, name in PROGRAMS if low <= address < high)


functions = collections.Counter()
for line in open(counts):
    address, count = line.split()
    functions[name_of(int(address, 16))] += int(count)
total = sum(functions.values())
print(f"{total / 1e6:.1f} million instructions")
print("| function | million instructions | share |")
print("| --- | --- | --- |")
for name, count in functions.most_common(SHOWN):
    print(f"| {name} | {count / 1e6:.2f} | {100 * count / total:.1f} % |")
