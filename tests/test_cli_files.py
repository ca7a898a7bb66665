"""The command on the files that people have: encodings, delimiters and endings."""

import codecs
import gzip

import pandas as pd
import pytest
from cli_helpers import fails, run

TEXT = 'größe;"Ort";zahl\n170.5;"Köln; Süd";1\n;Bonn;2\n160.5;;\n180.5;Bonn;2\n'
DONE = 'größe;"Ort";zahl\n170.5;"Köln; Süd";1\n170.5;Bonn;2\n160.5;"Bonn";2\n180.5;Bonn;2\n'


def impute(capsys, tmp_path, data, *options, name="in.csv", out="out.csv"):
    """The bytes that the command makes of these bytes, and what it says."""
    (tmp_path / name).write_bytes(data)
    status, err = run(capsys, "impute", tmp_path / name, "-o", tmp_path / out, *options)
    assert status == 0, err
    return (tmp_path / out).read_bytes(), err


@pytest.mark.usefixtures("median")
class TestEncodings:
    @pytest.mark.parametrize(
        ("codec", "mark"),
        [
            ("utf-8", b""),
            ("utf-8", codecs.BOM_UTF8),
            ("utf-16-le", codecs.BOM_UTF16_LE),
            ("utf-16-be", codecs.BOM_UTF16_BE),
            ("utf-32-le", codecs.BOM_UTF32_LE),
            ("cp1252", b""),
        ],
    )
    def test_found_and_written_back(self, codec, mark, tmp_path, capsys):
        source = TEXT.replace("größe", "größe in €")
        done, err = impute(capsys, tmp_path, mark + source.encode(codec))
        assert done == mark + DONE.replace("größe", "größe in €").encode(codec)
        assert ("is not UTF-8" in err) == (codec == "cp1252")

    def test_the_note_names_the_place(self, tmp_path, capsys):
        _, err = impute(capsys, tmp_path, b"a;b\n1;x\n2;Br\xfchl\n;x\n")
        path = tmp_path / "in.csv"
        note = f"note: {path} is not UTF-8 and is read as cp1252 (line 3: '2;Brühl'); if that is"
        assert note in err

    def test_bytes_without_a_meaning_in_the_code_page(self, tmp_path, capsys):
        done, err = impute(capsys, tmp_path, b"a;b\n1;x\n2;\x81\xfc\n;x\n")
        assert b"\n2;\x81\xfc\n" in done
        assert "read as latin-1" in err

    @pytest.mark.parametrize(
        ("given", "codec"),
        [
            ("cp1250", "cp1250"),
            ("UTF-16", "utf-16-le"),
            ("utf-16-be", "utf-16-be"),
            ("utf-8-sig", "utf-8"),
        ],
    )
    def test_given(self, given, codec, tmp_path, capsys):
        done, err = impute(capsys, tmp_path, TEXT.encode(codec), "--encoding", given, "-q")
        assert (done, err) == (DONE.encode(codec), "")

    def test_given_beside_a_mark(self, tmp_path, capsys):
        data = codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be")
        done, _ = impute(capsys, tmp_path, data, "--encoding", "utf-16")
        assert done == codecs.BOM_UTF16_BE + DONE.encode("utf-16-be")

    @pytest.mark.parametrize(
        ("data", "options", "message"),
        [
            (b"a,b\n1,\xe9\n", ["--encoding", "utf-8"], "line 2 is not utf-8; name the file's own"),
            (b"a,b\n1,\xe9\n", ["--encoding", "utf-9"], "'utf-9' is not the name of an encoding"),
            (b"a,b\n1,\xe9\n", ["--encoding", "hex"], "'hex' is not the name of an encoding"),
            ("a,b\n1,\n".encode("utf-16-le"), [], "add --encoding=utf-16-le"),
            (b"PK\x03\x04\x00\x00", [], "this is not text"),
        ],
    )
    def test_refused(self, data, options, message, tmp_path, capsys):
        (tmp_path / "in.csv").write_bytes(data)
        args = ["impute", tmp_path / "in.csv", "-o", tmp_path / "out.csv"]
        status, line = fails(capsys, *args, *options)
        assert (status, message in line) == (2, True), line


@pytest.mark.usefixtures("median")
class TestDelimiters:
    @pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
    def test_found(self, mark, tmp_path, capsys):
        text = TEXT.replace(";", mark)
        done, _ = impute(capsys, tmp_path, text.encode())
        assert done.decode() == DONE.replace(";", mark)

    def test_a_comma_in_every_cell_splits_nothing(self, tmp_path, capsys):
        # Both marks split every line evenly.
        text = "height,cm;weight,kg;n\n170,5;60,2;1\n160,5;50,2;\n180,5;70,2;1\n"
        done, _ = impute(capsys, tmp_path, text.encode())
        assert done.decode() == text.replace("2;\n", "2;1\n")

    def test_a_hint_for_excel_is_kept(self, tmp_path, capsys):
        text = "\ufeffsep=|\r\na|b;c\r\n1|x;y\r\n|x;y\r\n"
        done, _ = impute(capsys, tmp_path, text.encode())
        assert done.decode() == text.replace("\r\n|", "\r\n1|")

    def test_blank_lines_above_the_header(self, tmp_path, capsys):
        done, _ = impute(capsys, tmp_path, b"\n\na;b\n1;2\n;2\n")
        assert done == b"\n\na;b\n1;2\n1;2\n"
        (tmp_path / "in.csv").write_bytes(b"\n\na;b\n1;2\n3\n")
        _, line = fails(capsys, "impute", tmp_path / "in.csv", "-o", tmp_path / "out.csv")
        assert "line 5 has 1 cells where the header has 2, between ';'" in line

    def test_unusual_ones_are_given(self, tmp_path, capsys):
        data = TEXT.replace(";", "~").encode()
        done, _ = impute(capsys, tmp_path, data, "--delimiter", "~")
        assert done.decode() == DONE.replace(";", "~")

    def test_a_single_column(self, tmp_path, capsys):
        for text in ("a\n1\n\n2\n1\n", "a\n1,5\n\n2,5\n1,5\n", '"a;b"\n"1;2"\n\n"1;2"\n'):
            done, _ = impute(capsys, tmp_path, text.encode())
            assert done.decode().count("\n") == text.count("\n")
            assert b"\n\n" not in done
        done, _ = impute(capsys, tmp_path, b"a b\nc d\n\nc d\n", "--delimiter", ",")
        assert done == b"a b\nc d\nc d\nc d\n"

    @pytest.mark.parametrize(
        ("text", "options", "message"),
        [
            ("a;b\n1;2\n3;4\n", ["--delimiter", ","], "split it with --delimiter=';'"),
            ("a\tb\n1\t2\n3\t4\n", ["--delimiter", ","], "split it with --delimiter=tab"),
            ("a:b\n1:2\n3:4\n", [], "all its cells have ':', so split it with --delimiter=':'"),
            ("Export of May\na;b\n1;2\n3;4\n", [], "the first line, 'Export of May', is a single"),
            ("Export of May\na,b\n1,2\n3,4\n", [], "remove what stands above the header"),
        ],
    )
    def test_what_was_split_badly(self, text, options, message, tmp_path, capsys):
        (tmp_path / "in.csv").write_text(text)
        args = ["impute", tmp_path / "in.csv", "-o", tmp_path / "out.csv"]
        status, line = fails(capsys, *args, *options)
        assert (status, message in line) == (2, True), line

    def test_not_for_parquet(self, tmp_path, capsys):
        path = tmp_path / "in.parquet"
        pd.DataFrame({"a": [1.0, None]}).to_parquet(path)
        for option, value in (("--delimiter", ";"), ("--encoding", "latin-1")):
            args = ["impute", path, "-o", tmp_path / "out.csv", option, value]
            status, line = fails(capsys, *args)
            assert (status, f"{option} is for text files" in line) == (2, True), line


@pytest.mark.usefixtures("median")
class TestEndings:
    @pytest.mark.parametrize("name", ["in.tsv", "in.txt", "in.TSV.GZ", "in.txt.gz"])
    def test_text(self, name, tmp_path, capsys):
        pack = gzip.compress if name.lower().endswith(".gz") else bytes
        data = pack(TEXT.replace(";", "\t").encode())
        done, _ = impute(capsys, tmp_path, data, name=name, out=f"out{name[2:]}")
        if name.lower().endswith(".gz"):
            done = gzip.decompress(done)
        assert done.decode() == DONE.replace(";", "\t")

    def test_tabs_only_where_the_ending_says_so(self, tmp_path, capsys):
        data = b'a;"b"\n1,5;"x;y"\n2,5;"x\ty"\n,5;x\n'
        done, _ = impute(capsys, tmp_path, data, out="out.tsv")
        assert done.decode() == 'a\t"b"\n1,5\t"x;y"\n2,5\t"x\ty"\n,5\tx\n'
        done, _ = impute(capsys, tmp_path, done, name="in.tsv")
        assert done.decode() == 'a,"b"\n"1,5","x;y"\n"2,5","x\ty"\n",5",x\n'

    def test_other_kinds_to_tabs(self, tmp_path, capsys):
        path, out = tmp_path / "in.parquet", tmp_path / "out.tsv"
        pd.DataFrame({"a": [1.5, None], "b": ["x", "y"]}).to_parquet(path)
        assert run(capsys, "impute", path, "-o", out, "-q") == (0, "")
        assert out.read_text() == "a\tb\n1.5\tx\n1.5\ty\n"
