"""Reading traffic: windows added up over any span, as points over time and as a graph."""
