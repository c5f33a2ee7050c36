"""What an istiod counts of its own work."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.adapters.istio.proxies import counting
from meshwright.core.kit.distribution import Work

METRICS = b"""# HELP pilot_debounce_time Delay in seconds
# TYPE pilot_debounce_time histogram
pilot_debounce_time_bucket{le="0.01"} 0
pilot_debounce_time_bucket{le="+Inf"} 12
pilot_debounce_time_sum 1.2112
pilot_debounce_time_count 12
# TYPE pilot_inbound_updates counter
pilot_inbound_updates{type="config"} 1.234567e+06
pilot_inbound_updates{type="eds"} 65
pilot_inbound_updates{type="svc"} 12
pilot_proxy_queue_time_sum 0.01
pilot_proxy_queue_time_count 37
"""


def test_changes_rounds_and_proxies_are_read() -> None:
    """By the names that istiod gives them, also where numbers are large or labels are added."""
    assert counting.work(METRICS) == Work(received=1234567, rounds=12, looked=37)
    labelled = METRICS.replace(b"time_count ", b'time_count{revision="a"} ').replace(
        b'{type="', b'{revision="a",type="'
    )
    assert counting.work(labelled) == Work(received=1234567, rounds=12, looked=37)


@pytest.mark.parametrize("missing", [b"pilot_debounce_time_count", b'type="config"', b"pilot_proxy_queue_time_count"])
def test_one_that_lacks_a_counter_counts_nothing(missing: bytes) -> None:
    """Such as an older one."""
    assert counting.work(METRICS.replace(missing, b"another")) is None


@given(st.binary(max_size=300) | st.text("pilot_debounce_time_count 1.e+\n{}", max_size=80).map(str.encode))
def test_anything_else_is_nothing(content: bytes) -> None:
    """No answer is an error."""
    assert counting.work(content) is None
    odd = METRICS.replace(b"1.234567e+06", b"1e999").replace(b" 12\n", b" 1.2.3\n")
    assert counting.work(odd) is None
