#!/usr/bin/env python3
"""Every block of a page under a link to a file, `[train.c](path/train.c):`, is
that file: quotes.py PAGE [--write]
"""

import os
import re
import sys

QUOTE = re.compile(r"(\]\((\S+)\):\n\n```\w+\n)(.*?)(^```$)", re.M | re.S)


def main():
    page = sys.argv[1]
    with open(page) as file:
        text = file.read()

    def content(match):
        with open(os.path.join(os.path.dirname(page), match[2])) as file:
            return match[1] + file.read() + match[4]

    right, count = QUOTE.subn(content, text)
    if "--write" in sys.argv:
        with open(page, "w") as file:
            file.write(right)
    elif right != text:
        sys.exit(f"{page} does not quote its examples as they are: --write")
    if count < 3:
        sys.exit(f"{page} quotes only {count} files")


if __name__ == "__main__":
    main()
