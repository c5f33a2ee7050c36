/** The traffic to a service (or to one version of it) over time: requests, errors, latencies by true quantiles. */
import { LineChart } from "@/shared/LineChart";
import { Empty, Loaded } from "@/shared/Page";
import { SPANS, spanOf } from "@/shared/spans";
import { useSeries, type Asked } from "./useSeries";

interface Props extends Omit<Asked, "span"> {
  span: string;
  onSpan(span: string): void;
}

export function TrafficCharts({ span, onSpan, ...asked }: Props) {
  const chosen = spanOf(span);
  const read = useSeries({ ...asked, span: chosen });
  return (
    <section className="stack" aria-label="Traffic">
      <div className="segments" role="group" aria-label="Span of time">
        {Object.keys(SPANS).map((word) => (
          <button key={word} type="button" className="button" aria-pressed={word === chosen} onClick={() => onSpan(word)}>{word}</button>
        ))}
      </div>
      <Loaded of={read}>
        {({ points, complete, marks }) => {
          if (!points.some((point) => point.seconds > 0)) return <Empty title="No traffic was measured in this span." command={`meshwright metrics ${asked.mesh} --since 24h`} />;
          const measured = points.map((point) => (point.seconds > 0 ? point : null));
          const times = points.map((point) => Date.parse(point.start) / 1000);
          const shared = { times, marks };
          return (
            <>
              <div className="grid charts">
                <LineChart {...shared} title="Requests" unit="/s" lines={[{ label: "rate", colour: "--accent", values: measured.map((point) => point?.rate ?? null) }]} />
                <LineChart {...shared} title="Errors" unit="%" lines={[{ label: "share", colour: "--failing", values: measured.map((point) => (point ? point.error_rate * 100 : null)) }]} />
                <LineChart
                  {...shared}
                  title="Latency"
                  unit="ms"
                  lines={[
                    { label: "p50", colour: "--progress", values: measured.map((point) => point?.p50_ms ?? null) },
                    { label: "p99", colour: "--warning", values: measured.map((point) => point?.p99_ms ?? null) },
                  ]}
                />
              </div>
              {!complete && <p className="soft">The oldest part of this span was too much to add up in time and is missing.</p>}
            </>
          );
        }}
      </Loaded>
    </section>
  );
}
