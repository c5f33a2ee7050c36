"""The plan of `make up`: read from the environment, without unrelated variables."""

from pathlib import Path

from meshwright.workers.local import parts, starting
from meshwright.workers.local.home import Home, Plan, Ports


def test_parts_get_the_settings_of_the_environment_and_no_secret_of_the_person() -> None:
    """Variables of Meshwright and of OpenTelemetry are handed on; a person's token and context are not."""
    environ = {
        "PATH": "/bin",
        "MESHWRIGHT_LOG_LEVEL": "debug",
        "MESHWRIGHT_LOG_FORMAT": "",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector/",
        "MESHWRIGHT_TOKEN": "a person's token",
        "MESHWRIGHT_HOME": "/home/of/the/stack",
        "MESHWRIGHT_LOCAL_NATS": "nats://u:p@host/",
    }
    plan = starting.plan_of(environ)
    assert plan.settings == {"MESHWRIGHT_LOG_LEVEL": "debug", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector/"}
    assert (plan.nats, plan.mongodb) == ("nats://u:p@host/", "")


def test_differences_are_named_without_their_values() -> None:
    """Values may be secrets, so only the names are printed."""
    before = Plan(nats="nats://u:p@host/", settings={"MESHWRIGHT_A": "1", "MESHWRIGHT_B": "2"})
    now = Plan(settings={"MESHWRIGHT_A": "1", "MESHWRIGHT_C": "3"})
    assert now.differs_from(before) == ["NATS", "MESHWRIGHT_B", "MESHWRIGHT_C"]
    assert now.differs_from(now) == []


def test_a_ca_file_is_for_servers_of_ones_own(tmp_path: Path) -> None:
    """The stack's own nats-server has no TLS, so its processes do not insist on any; an existing one may have it."""
    home = Home(tmp_path / "home")
    home.prepare()
    ports = Ports(nats=4222, mongodb=27017, api=8080, shop={})
    assert parts.chosen_here(home, ports, Plan())["MESHWRIGHT_NATS_CA_FILE"] == ""
    assert "MESHWRIGHT_NATS_CA_FILE" not in parts.chosen_here(home, ports, Plan(nats="tls://host:4222"))


def test_connections_may_lead_near_the_stack(tmp_path: Path) -> None:
    """Clusters on this machine and in private networks can be connected, unless a setting says something else."""
    home = Home(tmp_path / "home")
    home.prepare()
    ports, name = Ports(nats=4222, mongodb=27017, api=8080, shop={}), "MESHWRIGHT_CONNECTION_ALLOW"
    assert {part.settings[name] for part in parts.own(home, ports, Plan())} == {parts.NEAR}
    chosen = Plan(settings={name: "kubernetes.lan"})
    assert {part.settings[name] for part in parts.own(home, ports, chosen)} == {"kubernetes.lan"}
