"""A page's Python runs in order, in a folder that is gone afterwards."""

import sys
from pathlib import Path

from recipes import run_page

PAGE = """# A page

```python
from pathlib import Path

Path("made.txt").write_text("by the first block")
```

```sh
exit 1
```

```python
print(Path("made.txt").read_text(), Path.cwd())
```
"""


def test_blocks_share_their_names_and_leave_nothing(
    tmp_path, monkeypatch, capsys, backend
):
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    monkeypatch.chdir(tmp_path)
    words = ["run_page.py", "page.md", "--backend", backend]
    monkeypatch.setattr(sys, "argv", words)
    run_page.main()
    first, told, second, total = capsys.readouterr().out.splitlines()
    assert first.startswith("block 1: ")
    assert told.startswith("by the first block ")
    assert second.startswith("block 2: ")
    assert total.startswith("page.md: ")
    assert Path.cwd() == tmp_path
    assert not Path(told.split()[-1]).exists()
    assert [path.name for path in tmp_path.iterdir()] == ["page.md"]
