/** Goes through the stored past: a slider over the traffic, with the changes of configuration marked on it. */
import { Pause, Play } from "lucide-react";
import { useEffect, useState } from "react";
import { useSeries } from "@/features/traffic/useSeries";
import { Loaded } from "@/shared/Page";
import { LineChart } from "@/shared/LineChart";
import { spanOf, type Span } from "@/shared/spans";
import { WINDOW_S } from "./useTopology";

interface Props {
  mesh: string;
  span: string;
  at: string;
  onAt(at: string | undefined): void;
}

const STEP_MS = 1000;
/** spans that are worth going through */
const LONG: Span[] = ["15m", "1h", "6h", "24h"];

export function Replay({ mesh, span, at, onAt }: Props) {
  const [playing, setPlaying] = useState(false);
  const read = useSeries({ mesh, span: LONG.includes(spanOf(span)) ? spanOf(span) : "1h" });
  const points = read.data?.points.filter((point) => point.seconds > 0) ?? [];
  const times = points.map((point) => Date.parse(point.start) / 1000 + point.seconds);
  const moment = Number(at) || (times.at(-1) ?? 0);
  const index = Math.max(times.findLastIndex((time) => time <= moment + 0.5), 0);

  useEffect(() => {
    if (!playing) return undefined;
    const timer = setTimeout(() => {
      const next = times[index + 1];
      if (next === undefined) setPlaying(false);
      else onAt(String(next));
    }, STEP_MS);
    return () => clearTimeout(timer);
  });
  return (
    <section className="card" aria-label="Replay">
      <Loaded of={read}>
        {({ marks }) =>
          points.length < 2 ? (
            <p className="soft">There is too little stored traffic to go through yet.</p>
          ) : (
            <>
              <div className="row">
                <button className="button" onClick={() => setPlaying(!playing)}>
                  {playing ? <Pause aria-hidden size={14} /> : <Play aria-hidden size={14} />} {playing ? "Pause" : "Play"}
                </button>
                <label className="replay">
                  <span className="visually-hidden">Moment</span>
                  <input type="range" min={0} max={times.length - 1} value={index} aria-valuetext={clock(times[index] ?? 0)} onChange={(event) => onAt(String(times[Number(event.target.value)]))} />
                </label>
                <strong>{at ? clock(moment) : "now"}</strong>
                <button className="button" onClick={() => { setPlaying(false); onAt(undefined); }}>Back to now</button>
              </div>
              <LineChart
                title={`Requests; changes are marked (${marks.length})`}
                unit="/s"
                height={90}
                times={times}
                lines={[{ label: "rate", colour: "--accent", values: points.map((point) => point.rate) }]}
                marks={[...marks, ...(at ? [{ at: moment, label: "shown" }] : [])]}
                onPick={(picked) => onAt(String(Math.round(picked)))}
              />
              <p className="soft">Each picture adds up the {WINDOW_S} s before its moment.</p>
            </>
          )
        }
      </Loaded>
    </section>
  );
}

function clock(seconds: number): string {
  return new Date(seconds * 1000).toLocaleTimeString(undefined, { hourCycle: "h23" });
}
