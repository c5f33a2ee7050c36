/** The traffic to a service (or to one version of it) over time: requests, errors, latencies by true quantiles. */
import { useQuery } from "@tanstack/react-query";
import { api } from "@/api/client";
import { LineChart } from "@/shared/LineChart";
import { Empty, Loaded } from "@/shared/Page";
import { SPANS, spanOf } from "@/shared/spans";

interface Props {
  mesh: string;
  service?: string;
  namespace?: string;
  version?: string;
  span: string;
  onSpan(span: string): void;
}

const REFRESH_MS = 5000;

export function TrafficCharts({ mesh, service, namespace, version, span, onSpan }: Props) {
  const chosen = spanOf(span);
  const read = useQuery({
    queryKey: ["get", "/v1/meshes/{id}/series", { mesh, service, namespace, version, chosen }],
    refetchInterval: REFRESH_MS,
    queryFn: async () => {
      const since = new Date(Date.now() - SPANS[chosen] * 1000).toISOString();
      const asked = { since, points: 90, service, namespace, version };
      const { data } = await api.GET("/v1/meshes/{id}/series", { params: { path: { id: mesh }, query: asked } });
      if (!data) throw new Error("the API sent no series");
      return data;
    },
  });
  return (
    <section className="stack" aria-label="Traffic">
      <div className="row" role="group" aria-label="Span of time">
        {Object.keys(SPANS).map((word) => (
          <button key={word} type="button" className="button" aria-pressed={word === chosen} onClick={() => onSpan(word)}>{word}</button>
        ))}
      </div>
      <Loaded of={read}>
        {({ points, complete }) => {
          if (!points.some((point) => point.seconds > 0)) return <Empty title="No traffic was measured in this span." />;
          const measured = points.map((point) => (point.seconds > 0 ? point : null));
          const times = points.map((point) => Date.parse(point.start) / 1000);
          return (
            <div className="grid">
              <LineChart title="Requests" unit="/s" times={times} lines={[{ label: "rate", colour: "--accent", values: measured.map((point) => point?.rate ?? null) }]} />
              <LineChart title="Errors" unit="%" times={times} lines={[{ label: "share", colour: "--failing", values: measured.map((point) => (point ? point.error_rate * 100 : null)) }]} />
              <LineChart
                title="Latency"
                unit="ms"
                times={times}
                lines={[
                  { label: "p50", colour: "--ok", values: measured.map((point) => point?.p50_ms ?? null) },
                  { label: "p99", colour: "--warning", values: measured.map((point) => point?.p99_ms ?? null) },
                ]}
              />
              {!complete && <p className="soft">The oldest part of this span was too much to add up in time and is missing.</p>}
            </div>
          );
        }}
      </Loaded>
    </section>
  );
}
