"""What users of kubectl reach for, against real processes."""

import json
import sys
from pathlib import Path
from typing import Any

Shop = Any
DESIGN = "id: {}\nintents:\n- {{intent: timeout, service: reviews, timeout: {}}}\n"


def editor(shop: Shop, old: str, new: str) -> str:
    """An editor that replaces a text in the file."""
    script = (
        f"import pathlib, sys; p = pathlib.Path(sys.argv[1]); p.write_text(p.read_text().replace({old!r}, {new!r}))"
    )
    (shop.folder / "edit.py").write_text(script)
    return f"{sys.executable} {shop.folder / 'edit.py'}"


def test_describe_shows_a_resource_with_its_relations(shop: Shop) -> None:
    """Its place, conditions, proxies, releases, operations and events, by any of its names."""
    mesh = shop.run("describe", "mesh/demo").stdout
    assert mesh.startswith("connection/place → mesh/demo\n")
    for part in ("\nproxies\n", "\nnewest operations\n", "\nevents\n", "mesh.install"):
        assert part in mesh
    proxy = shop.run("describe", "proxy", "broken").stdout
    assert proxy.startswith("mesh/demo → workload/broken → proxy/broken\n")
    assert "Proto constraint validation failed" in proxy
    workload = json.loads(shop.run("describe", "workloads/front", "-o", "json").stdout)
    assert workload["path"][-1] == "workload/front"
    assert [each["workload"] for each in workload["proxies"]] == [workload["workload"]["id"]]
    assert workload["events"]
    assert "settings" in shop.run("describe", "connection/place").stdout
    operation = json.loads(shop.run("operations", "list", "--limit", "1", "-o", "json").stdout)[0]["id"]
    assert "operation.accepted" in shop.run("describe", "operation", operation).stdout
    shop.run("apply", shop.write("told.yaml", DESIGN.format("told", "1s")), "--no-wait")
    shop.run("wait", "release/told")
    assert "design/told → release/" in shop.run("describe", "release/told/1").stdout
    worker = json.loads(shop.run("describe", "worker/scripted", "-o", "json").stdout)
    assert worker["worker"]["adapter"] == "scripted" and worker["operations"]
    adapter = json.loads(shop.run("describe", "adapters/scripted", "-o", "json").stdout)
    assert adapter["operations"] and worker["worker"]["instance"] in adapter["adapter"]["instances"]
    shop.run("webhooks", "set", "told", "--url", "http://127.0.0.1:9/")
    assert "webhook/told" in shop.run("describe", "webhook/told").stdout
    refused = shop.run("describe", "proxy/brokn", expect=3).stderr
    assert "Did you mean broken" in refused


def test_wait_ends_when_it_is_so(shop: Shop) -> None:
    """At once for what is so already, with 7 for what is not in time, and with 5 for what can no longer be."""
    assert "as wanted" in shop.run("wait", "mesh/demo").stderr
    shop.run("wait", "mesh", "demo", "--for", "state=ready", "--timeout", "10s")
    shop.run("wait", "proxy/broken", "--for", "state=rejected", "--timeout", "10s")
    shop.run("wait", "mesh/nothing", "--for", "deleted", "--timeout", "10s")
    shop.run("wait", "adapter/scripted")
    shop.run("wait", "worker/scripted")
    assert "Did you mean state?" in shop.run("wait", "mesh/demo", "--for", "stat=ready", expect=2).stderr
    assert "connections test place" in shop.run("wait", "connection/place", expect=2).stderr
    early = shop.run("wait", "mesh/dem", "--timeout", "0.5s", expect=7).stderr
    assert "mesh/dem does not exist yet; waiting for it. Did you mean demo?" in early
    late = shop.run("wait", "mesh/demo", "--for", "state=degraded", "--timeout", "0.5s", expect=7).stderr
    assert "its state is ready" in late
    done = json.loads(shop.run("operations", "list", "--state", "succeeded", "-o", "json").stdout)[0]["id"]
    shop.run("wait", f"operation/{done}")
    assert "can no longer be" in shop.run("wait", f"operation/{done}", "--for", "state=failed", expect=5).stderr


def test_wait_sees_what_happens_meanwhile(shop: Shop) -> None:
    """A design that is applied while it is waited for."""
    with shop.start("wait", "design/awaited", "--for", "applied", "--timeout", "40s") as waiting:
        shop.run("apply", shop.write("awaited.yaml", DESIGN.format("awaited", "3s")))
        _, err = waiting.communicate(timeout=60)
    assert waiting.returncode == 0, err


def test_a_folder_of_designs_is_applied_and_edited(shop: Shop) -> None:
    """Applied together, listed with version and state, edited, different, applied from the editor, and undone."""
    folder = Path(shop.folder) / "folder"
    folder.mkdir()
    (folder / "one.yaml").write_text(DESIGN.format("all-one", "1s") + "---\n" + DESIGN.format("all-two", "2s"))
    looked = shop.run("apply", "-f", "folder", "--dry-run")
    assert "dry run: nothing was changed" in looked.stderr
    assert "all-one" not in shop.run("designs", "list", "-o", "name").stdout
    shop.run("apply", "-f", "folder")
    rows = {line.split()[0]: line.split()[1:5] for line in shop.run("designs", "list").stdout.splitlines()}
    assert rows["all-one"] == ["1", "demo", "✓", "synced"]
    saved = shop.run("edit", "all-one", EDITOR=editor(shop, "1s", "7s"))
    assert "saved as version 2" in saved.stderr
    rows = {line.split()[0]: line.split()[1:5] for line in shop.run("designs", "list").stdout.splitlines()}
    assert rows["all-one"] == ["2", "demo", "…", "different"]
    assert "was not changed" in shop.run("edit", "all-one", EDITOR="true").stderr
    assert "✓ succeeded" in shop.run("edit", "all-one", "--apply", EDITOR=editor(shop, "7s", "8s")).stderr
    rows = {line.split()[0]: line.split()[1:5] for line in shop.run("designs", "list").stdout.splitlines()}
    assert rows["all-one"] == ["3", "demo", "✓", "synced"]


def test_what_cannot_be_saved_is_kept(shop: Shop) -> None:
    """All problems with their lines, what was meant, and where the text is."""
    shop.run("apply", shop.write("kept.yaml", DESIGN.format("kept", "1s")))
    bad = editor(shop, "timeout: 1s", "timeot: 1s\n  tries: 2")
    shown = shop.run("edit", "kept", EDITOR=bad, expect=3).stderr
    assert "unknown field 'timeot': did you mean timeout?" in shown
    assert "unknown field 'tries'" in shown
    assert "Object missing required field `timeout`" in shown
    kept = shown.partition("your text is kept in ")[2].split()[0]
    assert "timeot" in Path(kept).read_text()
    Path(kept).unlink()
    assert "cannot be started" in shop.run("edit", "kept", EDITOR="/no/editor", expect=2).stderr


def test_an_edit_does_not_overwrite_another(shop: Shop) -> None:
    """What was saved while the editor was open stands."""
    file = shop.write("race.yaml", DESIGN.format("race", "1s"))
    shop.run("apply", file)
    script = (
        "import os, pathlib, subprocess, sys\n"
        "other = pathlib.Path(sys.argv[1]).read_text().replace('1s', '5s')\n"
        "subprocess.run([os.environ['MESHWRIGHT'], 'apply', '-'], input=other.encode(), check=True)\n"
        "p = pathlib.Path(sys.argv[1]); p.write_text(p.read_text().replace('1s', '9s'))\n"
    )
    shop.write("both.py", script)
    program = str(Path(sys.executable).with_name("meshwright"))
    shown = shop.run("edit", "race", EDITOR=f"{sys.executable} both.py", MESHWRIGHT=program, expect=3).stderr
    assert "another version was saved meanwhile" in shown
    assert "5s" in shop.run("designs", "show", "race").stdout


def test_a_list_is_watched_live(shop: Shop) -> None:
    """A new design appears in the list while it is watched."""
    with shop.start("designs", "list", "-w", "-o", "name") as watching:
        try:
            shop.run("apply", shop.write("seen-live.yaml", DESIGN.format("seen-live", "4s")))
            assert watching.stdout is not None
            assert any(line.strip() == "seen-live" for line in iter(watching.stdout.readline, ""))
        finally:
            watching.terminate()


def test_names_that_do_not_exist_are_refused_at_once(shop: Shop) -> None:
    """By the API, before there is an operation that fails; with what was meant."""
    shop.run("apply", shop.write("here.yaml", DESIGN.format("here", "2s")), "--no-wait")
    shop.run("wait", "design/here")
    before = shop.run("operations", "list", "-o", "name").stdout
    for command in (
        ("remove", "nothing-of-that-name", "--yes"),
        ("rollback", "nothing-of-that-name"),
        ("designs", "show", "here", "--version", "99"),
        ("designs", "restore", "here", "--version", "99"),
        ("designs", "versions", "nothing-of-that-name"),
        ("releases", "show", "nothing-of-that-name"),
        ("releases", "show", "here", "99"),
        ("webhooks", "deliveries", "nothing-of-that-name"),
        ("operations", "show", "nothing-of-that-name"),
        ("tokens", "delete", "nothing-of-that-name", "--yes"),
        ("meshes", "upgrade", "dmo"),
        ("meshes", "install", "new", "-c", "plac", "--kind", "scripted"),
        ("workloads", "withdraw", "fron", "--yes"),
    ):
        refused = shop.run(*command, expect=3).stderr
        assert "there is no" in refused
    assert "Did you mean demo?" in shop.run("meshes", "upgrade", "dmo", expect=3).stderr
    assert "Did you mean place?" in shop.run("meshes", "install", "n", "-c", "plac", expect=3).stderr
    assert "The newest is 1" in shop.run("designs", "show", "here", "--version", "99", expect=3).stderr
    assert "revision 99 of here does not exist" in shop.run("rollback", "here", "--to", "99", expect=3).stderr
    shop.run("remove", "here", "--yes")
    before = shop.run("operations", "list", "-o", "name").stdout
    assert "is not applied to demo" in shop.run("remove", "here", "--yes", expect=3).stderr
    assert "is not applied to demo" in shop.run("rollback", "here", expect=3).stderr
    assert shop.run("operations", "list", "-o", "name").stdout == before


def test_a_value_that_does_not_exist_is_answered_with_those_that_do(shop: Shop) -> None:
    """In a parameter and in a document."""
    told = shop.run("proxies", "list", "--state", "syncd", expect=3).stderr
    assert "unknown value 'syncd': did you mean synced?" in told
    told = shop.run("operations", "list", "--state", "qqq", expect=3).stderr
    assert "unknown value 'qqq': there are accepted, queued, waiting, running" in told
    wrong = "id: w\nintents: [{intent: mutual-tls, mode: qqq}]\n"
    told = shop.run("validate", shop.write("value.yaml", wrong), expect=3).stderr
    assert "unknown value 'qqq': there are strict, permissive" in told


def test_filters_that_match_nothing_say_what_there_is(shop: Shop) -> None:
    """Also where the list itself is empty, so that a misspelt mesh is not taken for one without drift."""
    told = shop.run("drift", "list", "--mesh", "dmo")
    assert told.stderr == "there is no mesh dmo. Did you mean demo?\n" and not told.stdout
    assert "operation.failed or" in shop.run("events", "search", "--type", "operation.faild").stderr
    assert "Did you mean proxy" in shop.run("events", "search", "--entity", "proxi").stderr


def test_logs_come_from_a_worker_of_the_mesh(shop: Shop) -> None:
    """Bounded by the lines that are asked for; what has none is refused with the reason."""
    assert shop.run("logs", "proxy/front", "--tail", "2").stdout == "line 999 of front\nline 1000 of front\n"
    refused = shop.run("logs", "workload/front", expect=3).stderr
    assert "workloads write no log" in refused
    assert "Look at the proxy's." in refused
