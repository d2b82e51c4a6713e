# SPDX-License-Identifier: Apache-2.0
"""Documents of hostile texts in every format, read back by other programs; their bytes and memory."""
import csv
import datetime
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
import zipfile

# Debian's module may belong to Debian's Python only.
try:
    import openpyxl
except ImportError:
    if sys.executable != "/usr/bin/python3" and os.path.exists("/usr/bin/python3"):
        os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])
    print("skipped: no python3-openpyxl (./dev setup test installs it)")
    sys.exit(77)

SAMPLES = sys.argv.pop(1) if len(sys.argv) > 1 else ""
ROWS = 48
MANY_ROWS = 100_000
MEMORY_MAX_KIB = 48 * 1024  # more than a small one may take, for sixty megabytes of rows and ASan's own
FORMULA = re.compile(r"^[ ']*[=+\-@\uff1d\uff0b\uff0d\uff20]")
TURNING = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufffe]")


class Formats(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="fleetlog-reports-"))
        self.addCleanup(shutil.rmtree, self.directory)

    def make(self, form, rows=ROWS):
        """The path of a sample, and how much memory it took in KiB."""
        path = self.directory / f"sample-{rows}.{form}"
        environment = {**os.environ, "ASAN_OPTIONS": "quarantine_size_mb=1:malloc_context_size=2"}
        with subprocess.Popen([SAMPLES, form, str(rows), str(self.directory), str(path)], env=environment) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0)
        return path, usage.ru_maxrss

    def json(self):
        return json.loads(self.make("json")[0].read_text(encoding="utf-8"))

    def test_json(self):
        document = self.json()
        self.assertEqual((document["report"], document["asOfMs"], document["sequence"]), ("sample", 1764086563123, 4711))
        self.assertEqual(len(document["charts"][0]["bars"]), 12)
        rows = document["tables"][0]["rows"]
        self.assertEqual(len(rows), ROWS)
        first = rows[-1]  # keys count down
        self.assertEqual(first["name"], "rack-1")
        self.assertEqual((first["load"], first["since"], first["at"]), (-5.0, "2025-11-25", 1764086563000))
        self.assertIsNone(first["note"])
        self.assertIsNone(rows[-4]["load"])
        for row in rows:
            self.assertNotRegex(row["name"], TURNING)
            self.assertLess(len(row["name"]), 1024)

    def test_csv(self):
        raw = self.make("csv")[0].read_bytes()
        self.assertEqual(raw.count(b"\r\n"), ROWS + 1)
        self.assertEqual(raw.count(b"\n"), ROWS + 1)
        rows = list(csv.reader(io.StringIO(raw.decode("utf-8"), newline=""), strict=True))
        self.assertEqual(rows[0], ["Name", "Load (%)", "Since", "At", "Note"])
        expected = [row["name"] for row in self.json()["tables"][0]["rows"]]
        for name, row in zip(expected, rows[1:], strict=True):
            self.assertEqual(len(row), 5)
            guarded = FORMULA.match(name) is not None
            self.assertEqual(row[0], "'" + name if guarded else name)
        self.assertEqual(rows[-1][1:], ["-5.0", "2025-11-25", "2025-11-25 16:02:43", "unknown"])

    def test_xlsx(self):
        path, _ = self.make("xlsx")
        with zipfile.ZipFile(path) as archive:
            self.assertIsNone(archive.testzip())
            for name in archive.namelist():
                if name.endswith((".xml", ".rels")):
                    ElementTree.fromstring(archive.read(name))
                self.assertNotIn(b"<f>", archive.read(name), name)
        book = openpyxl.load_workbook(path)
        self.assertEqual(book.sheetnames, ["Rows", "About"])
        sheet = book["Rows"]
        self.assertEqual(sheet.freeze_panes, "B2")
        self.assertEqual(sheet.auto_filter.ref, f"A1:E{ROWS + 1}")
        names = [row["name"] for row in self.json()["tables"][0]["rows"]]
        self.assertEqual([sheet.cell(row, 1).value for row in range(2, ROWS + 2)], names)
        self.assertTrue(all(sheet.cell(row, 1).data_type == "s" for row in range(2, ROWS + 2)))
        last = [sheet.cell(ROWS + 1, column).value for column in range(1, 6)]
        midnight = datetime.datetime(2025, 11, 25)
        self.assertEqual(last[:3], ["rack-1", -5.0, midnight])
        self.assertLess(abs(last[3] - datetime.datetime(2025, 11, 25, 16, 2, 43)), datetime.timedelta(seconds=1))
        self.assertEqual(last[4], "unknown")

    def test_pdf(self):
        path, _ = self.make("pdf", 500)
        text = subprocess.run(["pdftotext", "-layout", path, "-"], check=True, capture_output=True).stdout.decode()
        for words in ("Sample report", "Acme & Sons <Ltd>", "as of 2025-11-25 16:02:43 UTC", "rack-1", "unknown"):
            self.assertIn(words, text)
        facts = subprocess.run(["pdfinfo", path], check=True, capture_output=True).stdout.decode()
        self.assertRegex(facts, r"Title: +Sample report")
        pages = int(re.search(r"Pages: +(\d+)", facts).group(1))
        self.assertGreater(pages, 5)
        for page in text.split("\f")[1:-1]:
            self.assertRegex(page, r"Name +Load, % +Since", "each page has the table's headings")

    def test_svg(self):
        root = ElementTree.fromstring(self.make("svg")[0].read_bytes())
        self.assertTrue(root.tag.endswith("svg"))
        self.assertFalse([node for node in root.iter() if node.tag.endswith("script")])

    def test_the_same_bytes(self):
        for form in ("json", "csv", "xlsx", "pdf", "svg"):
            before = self.make(form)[0].read_bytes()
            self.assertEqual(self.make(form)[0].read_bytes(), before, form)

    def test_no_rows(self):
        for form in ("json", "csv", "xlsx", "pdf", "svg"):
            self.assertGreater(self.make(form, 0)[0].stat().st_size, 20, form)

    def test_memory(self):
        for form, rows in (("json", MANY_ROWS), ("csv", MANY_ROWS), ("xlsx", MANY_ROWS), ("pdf", MANY_ROWS // 4)):
            _, little = self.make(form, 1000)
            path, much = self.make(form, rows)
            self.assertGreater(path.stat().st_size, 20 * rows, form)
            self.assertLess(much - little, MEMORY_MAX_KIB, form)
            path.unlink()


if __name__ == "__main__":
    for program, package in (("pdftotext", "poppler-utils"), ("pdfinfo", "poppler-utils")):
        if shutil.which(program) is None:
            print(f"skipped: no {program} (Debian package {package}; ./dev setup test installs it)")
            sys.exit(77)
    unittest.main()
