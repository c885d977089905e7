#!/usr/bin/env python3
"""walk.py DOCUMENT: types what a document says, and compares.

A block that begins with ```yaml is written to the file that the text before it names in backquotes (`hello.yml`), unless
there is one already. Of a block ```console each line that begins with "$ " is a command of one shell, in order; what
follows it is its output and has to be as shown: any number where a number stands, any blanks where blanks do; a line "..."
is any number of lines. A command has to succeed. PORTS in the environment (8080=34567) changes ports that may be taken.
"""
import os
import re
import subprocess
import sys


def blocks(text):
    before = ""
    for part in re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.S | re.M):
        start = text.rfind("\n```", 0, part.start()) + 1
        before = text[start:part.start()]
        yield part.group(1), part.group(2), before


def commands(block):
    command, output = None, []
    for line in block.splitlines():
        if line.startswith("$ "):
            if command:
                yield command, output
            command, output = line[2:], []
        else:
            output.append(line)
    if command:
        yield command, output


def pattern(lines):
    text = ""
    for line in lines:
        if line == "...":
            text += r"(?:.*\n)*?"
            continue
        words = [re.sub(r"[0-9]+(\\\.[0-9]+)?", r"[0-9.]+", re.escape(w)) for w in line.split()]
        text += r"\s*" + r"\s+".join(words) + r"[ \t]*\n"
    return re.compile(text)


class Shell:
    """One bash for all of it, as the reader has: folders and variables stay."""

    END = "walk-end"

    def __init__(self):
        self.process = subprocess.Popen(["bash", "--norc"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)

    def run(self, command):
        self.process.stdin.write("{ %s\n} </dev/null\necho %s-$?-$PWD\n" % (command, self.END))
        self.process.stdin.flush()
        output = ""
        for line in self.process.stdout:
            if self.END in line:
                rest, _, end = line.rpartition(self.END)
                status, folder = end[1:].rstrip("\n").split("-", 1)
                return output + rest, int(status), folder
            output += line
        sys.exit("the shell has ended: " + output)


def main():
    text = open(sys.argv[1]).read()
    ports = dict(p.split("=") for p in os.environ.get("PORTS", "").split())
    shell, folder = Shell(), os.getcwd()
    for language, block, before in blocks(text):
        if language == "yaml":
            named = re.findall(r"`([a-z-]+\.yml)`", before)
            if named and not os.path.exists(os.path.join(folder, named[-1])):
                with open(os.path.join(folder, named[-1]), "w") as file:
                    file.write(block)
        if language != "console":
            continue
        for command, shown in commands(block):
            for port, other in ports.items():
                command = command.replace(port, other)
            print("$ " + command, flush=True)
            output, status, folder = shell.run(command)
            print(output, end="", flush=True)
            if status != 0:
                sys.exit("it ends with status %d" % status)
            # a busy machine makes a command say that it waits
            if not pattern(shown).fullmatch(re.sub(r"(?m)^pith: waiting for .*\n", "", output)):
                sys.exit("the document shows:\n" + "\n".join(shown))


main()
