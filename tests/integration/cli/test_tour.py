"""The tour of a mesh by the command line, against real processes."""

import json
from typing import Any

import yaml

Shop = Any


def design(shop: Shop, name: str, *intents: str) -> str:
    """A file with a design of these intents; a timeout when none is given."""
    lines = intents or ("{intent: timeout, service: reviews, timeout: 2s}",)
    return str(shop.write(f"{name}.yaml", f"id: {name}\nintents:\n" + "".join(f"- {line}\n" for line in lines)))


def test_lists_show_what_is_there(shop: Shop) -> None:
    """Meshes, workloads and proxies are tables for people; a proxy that refused says so in its own words."""
    assert shop.run("meshes", "list").stdout.splitlines()[1].split()[:4] == ["demo", "scripted", "1.0", "✓"]
    assert "reviews-v1   reviews   v1        127.0.0.1:9002" in shop.run("workloads", "list").stdout
    proxies = shop.run("proxies", "list", "--state", "rejected").stdout
    assert "✗ rejected   7      6       1.36.2" in proxies
    assert "✗ broken says: Proto constraint validation failed (ClusterValidationError.Name)" in proxies
    assert "reviews-v1" not in proxies


def test_programs_get_the_documents_of_the_api(shop: Shop) -> None:
    """JSON and YAML on stdout hold the same whole documents, and nothing else is there."""
    as_json = shop.run("workloads", "list", "-o", "json")
    assert {one["name"] for one in json.loads(as_json.stdout)} == {"front", "reviews-v1", "broken"}
    assert yaml.safe_load(shop.run("-o", "yaml", "workloads", "list").stdout) == json.loads(as_json.stdout)
    assert as_json.stderr == ""


def test_topology_shows_rates_errors_and_latencies(shop: Shop) -> None:
    """Each edge has its requests per second, its error rate and its latencies."""
    head, columns, first, *_ = shop.run("topology", "--since", "1h").stdout.splitlines()
    assert head.startswith("mesh demo  5 s from ")
    assert columns.split() == ["FROM", "TO", "VERSION", "REQ/S", "ERRORS", "P50", "P99"]
    assert first.split() == ["front", "→", "reviews", "v1", "10.0", "✗", "10.0", "%", "1.2", "ms", "12.5", "ms"]


def test_topology_of_the_last_hour_is_all_its_windows_added_up(shop: Shop) -> None:
    """As programs see it, too: the rate is that of all the time that was measured."""
    graph = json.loads(shop.run("topology", "--since", "1h", "-o", "json").stdout)
    edges = [each for each in graph["edges"] if each["requests"]]
    assert edges
    assert all(each["rate"] == each["requests"] / graph["seconds"] for each in edges)
    assert {each["error_rate"] for each in edges} == {0.1}
    assert "No traffic" in shop.run("topology", "--since", "2h", "--until", "1h").stdout


def test_apply_with_wait_reports_each_step(shop: Shop) -> None:
    """The plan, the saved version and each step come on stderr; stdout has the operation, which succeeded."""
    done = shop.run("apply", design(shop, "tour"), "--wait", "--reason", "calm down", "-o", "json")
    operation = json.loads(done.stdout)
    assert (operation["state"], operation["reason"]) == ("succeeded", "calm down")
    lines = [line.strip() for line in done.stderr.splitlines()]
    assert lines[0] == "on mesh demo: 1 to update"
    assert lines[1] == "design tour saved as version 1"
    assert lines[2] == f"operation {operation['id']} accepted: design.apply on demo"
    assert [line.split()[1] for line in lines[3:9]] == ["plan", "apply", "wait", "record-release", "prune", "verify"]
    assert lines[9].startswith("✓ succeeded in ")


def test_an_unchanged_design_makes_no_new_version(shop: Shop) -> None:
    """Applying a file twice saves it once, whether it is read from a file or from stdin."""
    file = design(shop, "once")
    shop.run("apply", file)
    again = shop.run("apply", "-", stdin=(shop.folder / file).read_text())
    assert "design once is unchanged at version" in again.stderr
    assert len(json.loads(shop.run("designs", "versions", "once", "-o", "json").stdout)) == 1


def test_diff_reports_by_its_exit_code(shop: Shop) -> None:
    """A difference is shown line by line with exit code 4; no difference is 0."""
    result = shop.run("diff", design(shop, "differs"), expect=4)
    assert "    -timeout: 15s\n    +timeout: 2s\n" in result.stdout
    assert shop.run("diff", design(shop, "same")).stdout == "on mesh demo: no difference (1 unchanged)\n"


def test_translate_prints_what_would_be_sent(shop: Shop) -> None:
    """The native resources are YAML documents, each headed by the intent that it comes from."""
    result = shop.run("translate", design(shop, "native")).stdout
    assert "# timeout → scripted.example/Route reviews\n# counts retries\n" in result
    assert list(yaml.safe_load_all(result)) == [{"route": "reviews", "timeout": "2s"}]


def test_rollback_and_releases(shop: Shop) -> None:
    """A rollback is followed to its end, and the releases say who applied what, and why."""
    shop.run("apply", design(shop, "back"), "--wait", "-r", "first try")
    assert "✓ succeeded" in shop.run("rollback", "back", "--to", "1").stderr
    rows = shop.run("releases", "list", "--design", "back").stdout.splitlines()
    assert "first try" in rows[-1]
    assert "✓ applied" in rows[-1]
    _, revision, mesh, *_ = rows[-1].split()
    shown = json.loads(shop.run("releases", "show", "back", revision, "--mesh", mesh, "-o", "json").stdout)
    assert (shown["design"]["id"], shown["revision"], shown["reason"]) == ("back", int(revision), "first try")
    assert json.loads(shop.run("releases", "show", shown["id"], "-o", "json").stdout) == shown


def test_versions_can_be_restored(shop: Shop) -> None:
    """An earlier version of a design becomes the newest again."""
    shop.run("apply", design(shop, "old"), "--wait")
    first = json.loads(shop.run("designs", "versions", "old", "-o", "json").stdout)[0]["version"]
    shop.run("apply", design(shop, "old", "{intent: timeout, service: reviews, timeout: 9s}"), "--wait")
    shop.run("designs", "restore", "old", "--version", str(first))
    shop.run("events", "search", "--entity", "design", "--id", "old")
    assert len(json.loads(shop.run("designs", "versions", "old", "-o", "json").stdout)) == 3
    assert yaml.safe_load(shop.run("designs", "show", "old").stdout)["intents"][0]["timeout"] == "2s"


def test_check_finds_what_is_wrong(shop: Shop) -> None:
    """Check groups its findings, names the proxy that refused, says what to do, and exits 1."""
    result = shop.run("check", expect=1).stdout
    assert "✓ store answers" in result
    assert "✗ broken has its configuration: Proto constraint validation failed" in result
    assert "→ meshwright proxies list --workload broken" in result
