"""Feedback that a student can act on: one page per notebook, made from the autograded notebook and nothing else.

Shown are, per task, the points, what was expected and what came, the misconception when it is a known one, and the
student's own cells with what they printed. Hidden tests and reference solutions are not in it: test cells are cut to what
students see, and everything that a student wrote is text on this page, never markup.
"""

from __future__ import annotations

import base64
import html
import re
from typing import Any

from ..notebooks.cells import split_hidden
from .gradebook import late_sentence, tasks_of, with_scores
from .verdict import Line, TaskResult

STYLE = """
:root { color-scheme: light; --line: #d0d7de; --soft: #f6f8fa; --good: #1a7f37; --part: #9a6700; --bad: #cf222e; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin: 0 0 .2rem; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .4rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
td.points, th.points { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
pre { background: var(--soft); border: 1px solid var(--line); border-radius: 6px; padding: .6rem .8rem; margin: .4rem 0;
  overflow-x: auto; font: 13px/1.45 ui-monospace, monospace; }
pre.out { background: none; border-style: dashed; max-height: 24rem; } pre.error { color: var(--bad); }
section { border-left: 4px solid var(--line); padding-left: 1rem; } img { max-width: 100%; background: #fff; }
section.good { border-color: var(--good); } section.part { border-color: var(--part); }
section.bad { border-color: var(--bad); } summary { cursor: pointer; }
.mark { font-weight: 600; } .mark.good { color: var(--good); } .mark.part { color: var(--part); } .mark.bad { color: var(--bad); }
.hint { background: var(--soft); border-radius: 6px; padding: .5rem .8rem; } .quiet { opacity: .75; font-size: .9rem; }
ul { margin: .4rem 0; padding-left: 1.3rem; } code { font: .9em ui-monospace, monospace; }
@media print { pre { white-space: pre-wrap; } }
"""


def number(value: float) -> str:
    return f"{value:g}" if value == round(value, 2) else f"{value:.2f}"


def degree(points: float, of: float) -> str:
    return "good" if points >= of else "part" if points > 0 else "bad"


def task_html(task: dict) -> str:
    """The verdict on one task as HTML: for the page, and as the test cell's output in the autograded notebook."""
    lines = TaskResult.from_json(task).lines()
    failed = "".join(f"<li>{line_html(line)}</li>" for line in lines if line.kind == "probe")
    parts = []
    for line in (line for line in lines if line.kind != "probe"):
        parts.append(f"<p{CLASSES.get(line.kind, '')}>{line_html(line)}</p>")
        if line.kind == "status" and failed:
            parts.append(f"<ul>{failed}</ul>")
    return "\n".join(parts)


CLASSES = {"hint": ' class="hint"'}


def line_html(line: Line) -> str:
    strong = f"<b>{code(line.strong)}</b> " if line.strong else ""
    return f"{code(line.start)}{strong}{code(line.rest)}".rstrip()


def code(text: str) -> str:
    """Text with `code` in it as HTML."""
    return re.sub(r"`([^`\n]+)`", r"<code>\1</code>", html.escape(text))


def page(
    notebook: dict,
    marks: dict[str, float] | None = None,
    comments: dict[str, str] | None = None,
    late: float = 0.0,
) -> str:
    """The whole page. What the gradebook says, after any change by hand: `marks` and `comments` by grade_id, and the
    points that are taken off because the work came `late`."""
    about = notebook["metadata"].get("tinytorch", {})
    grade, comments = about.get("grade"), comments or {}
    if not grade:
        return "<!DOCTYPE html><meta charset=utf-8><title>Feedback</title><p>This notebook was not graded by tito."
    tasks = with_scores(tasks_of(notebook), {key.replace("-", ".", 1): points for key, points in (marks or {}).items()})
    total = max(0.0, sum(task["points"] for task in tasks.values()) - late)
    most = sum(task["max_points"] for task in tasks.values())
    title = html.escape(grade["name"])
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}: feedback</title><style>{STYLE}</style></head><body>",
        f'<h1>{title}</h1><p>Score: <span class="mark {degree(total, most)}">{number(total)}</span> of {number(most)}</p>',
        f"<p>{late_sentence(late)}</p>" if late else "",
        remarks_html(grade.get("remarks", [])),
        summary_html(tasks),
    ]
    for id, task in tasks.items():
        parts.append(section_html(id, task, notebook, comments))
    parts.append(others_html(notebook))
    return "\n".join(parts) + "\n</body></html>\n"


def remarks_html(remarks: list[str]) -> str:
    if not remarks:
        return ""
    items = "".join(f"<li>{code(remark)}</li>" for remark in remarks)
    return f'<div class="hint">Before it was run, your notebook had to be repaired:<ul>{items}</ul></div>'


def summary_html(tasks: dict[str, dict]) -> str:
    rows = []
    for id, task in tasks.items():
        got, most = task["points"], task["max_points"]
        first = TaskResult.from_json(task).summary
        rows.append(
            f'<tr><td><a href="#task-{html.escape(id)}">{html.escape(id)} {html.escape(task["title"])}</a></td>'
            f'<td class="points mark {degree(got, most)}">{number(got)} / {number(most)}</td><td>{code(first)}</td></tr>'
        )
    return '<table><tr><th>Task</th><th class="points">Points</th><th></th></tr>' + "".join(rows) + "</table>"


def section_html(id: str, task: dict, notebook: dict, comments: dict[str, str]) -> str:
    key, points, most = id.replace(".", "-"), task["points"], task["max_points"]
    places = {cell["id"]: number for number, cell in enumerate(notebook["cells"], 1)}
    own = [cell for cell in owned(notebook, id) if not cell["metadata"]["tinytorch"].get("restored")]
    test = next((cell for cell in notebook["cells"] if grade_id(cell) == key), None)
    where = ", ".join(f"cell {places[cell['id']]}" for cell in own)
    parts = [
        f'<h2 id="task-{html.escape(id)}">{html.escape(id)} {html.escape(task["title"])}: '
        f'<span class="mark {degree(points, most)}">{number(points)} of {number(most)}</span></h2>',
        f'<section class="{degree(points, most)}">',
        task_html(task),
    ]
    for name, comment in comments.items():
        if comment and re.sub(r"-solution(-\d+)?$", "", name) == key:
            parts.append(f'<p class="hint">Comment by your instructor: {html.escape(comment)}</p>')
    if own:
        shown = "".join(cell_html(cell) for cell in own)
        open_ = "" if points >= most else " open"
        parts.append(f'<details{open_}><summary class="quiet">Your solution ({where} of the notebook)</summary>{shown}')
        parts.append("</details>")
    if test is not None and points < most:
        visible = split_hidden(source(test))[0].strip()
        outputs = [output for output in test.get("outputs", []) if not output.get("metadata", {}).get("tinytorch")]
        parts.append(f'<p class="quiet">The visible checks (cell {places[test["id"]]} of the notebook):</p>')
        parts.append(f"<pre>{highlight(visible)}</pre>" + outputs_html(outputs))
    return "\n".join([*parts, "</section>"])


def owned(notebook: dict, id: str) -> list[dict]:
    """The cells that hold a task's solution."""
    key = id.replace(".", "-")
    return [cell for cell in notebook["cells"] if key in cell["metadata"].get("tinytorch", {}).get("tasks", ())]


def others_html(notebook: dict) -> str:
    """The student's other cells, and given ones that raised an error."""
    parts = []
    for place, cell in enumerate(notebook["cells"], 1):
        about = cell["metadata"].get("tinytorch", {})
        failed = any(output["output_type"] == "error" for output in cell.get("outputs", []))
        if cell["cell_type"] != "code" or about.get("tasks") or grade_id(cell) or not source(cell).strip():
            continue
        if about.get("role") == "extra" or about.get("changed") or failed:
            said = (
                "your own"
                if about.get("role") == "extra"
                else "given"
                if not about.get("changed")
                else "given, changed"
            )
            parts.append(f'<p class="quiet">Cell {place} ({said}):</p>{cell_html(cell)}')
    return "<h2>Other cells</h2>" + "\n".join(parts) if parts else ""


def cell_html(cell: dict) -> str:
    return f"<pre>{highlight(source(cell))}</pre>{outputs_html(cell.get('outputs', []))}"


def source(cell: dict) -> str:
    return cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])


def grade_id(cell: dict) -> str | None:
    grading = cell["metadata"].get("nbgrader", {})
    return grading.get("grade_id") if grading.get("grade") else None


def highlight(text: str) -> str:
    """Python as HTML with its keywords, strings and comments marked; plain text where Pygments is not installed."""
    try:
        from pygments import highlight as pygments
        from pygments.formatters import HtmlFormatter
        from pygments.lexers import PythonLexer

        return pygments(text, PythonLexer(stripnl=False), HtmlFormatter(nowrap=True, noclasses=True, style="default"))
    except ImportError:
        return html.escape(text)


ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def outputs_html(outputs: list[dict], most: int = 4000) -> str:
    """What a cell printed, as text; pictures as pictures. A student's own HTML is not let through."""
    parts = []
    for output in outputs[:50]:
        kind = output["output_type"]
        if kind == "stream":
            parts.append(text_html(text_of(output["text"]), most))
        elif kind == "error":
            trace = ANSI.sub("", "\n".join(output["traceback"]))
            parts.append(text_html(trace, most, "out error"))
        else:
            data = output.get("data", {})
            for mime in ("image/png", "image/jpeg"):
                if mime in data:
                    parts.append(picture(mime, text_of(data[mime])))
                    break
            else:
                parts.append(text_html(text_of(data.get("text/plain", "")), most))
    return "".join(parts)


def text_of(value: Any) -> str:
    return value if isinstance(value, str) else "".join(value)


def text_html(text: str, most: int, kind: str = "out") -> str:
    if not text.strip():
        return ""
    cut = f"\n... {len(text) - most} more characters" if len(text) > most else ""
    return f'<pre class="{kind}">{html.escape(text[:most])}{cut}</pre>'


def picture(mime: str, data: str) -> str:
    try:
        data = base64.b64encode(base64.b64decode(data)).decode()
    except ValueError:
        return ""
    return f'<p><img alt="" src="data:{mime};base64,{data}"></p>'
