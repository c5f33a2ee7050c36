/** One chart over time (uPlot on canvas): the values under the pointer stand as text beside it, changes are marked. */
import { useEffect, useRef, useState } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { useTheme } from "@/app/theme";

export interface Line {
  label: string;
  values: (number | null)[];
  /** a custom property of the theme, such as `--ok` */
  colour: string;
}

export interface Mark {
  /** seconds since 1970 */
  at: number;
  label: string;
}

interface Props {
  title: string;
  unit: string;
  /** seconds since 1970 */
  times: number[];
  lines: Line[];
  marks?: Mark[];
  height?: number;
  /** called with a moment in seconds when somebody clicks into the chart */
  onPick?(at: number): void;
}

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

export function LineChart({ title, unit, times, lines, marks = [], height = 150, onPick }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const [under, setUnder] = useState<number | null>(null);
  const picked = useRef(onPick);
  picked.current = onPick;
  const theme = useTheme();
  const names = lines.map((line) => `${line.label} ${line.colour}`).join();
  const data: uPlot.AlignedData = [times, ...lines.map((line) => line.values)];
  const latest = useRef({ data, marks });
  latest.current = { data, marks };

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const axis = { stroke: colour("--text-soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
    const plot = new uPlot(
      {
        width: element.clientWidth || 300,
        height,
        legend: { show: false },
        // All charts of a page show the same moment.
        cursor: { y: false, drag: { x: false, y: false }, sync: { key: "time" } },
        scales: { y: { range: (_, _low, high) => [0, high > 0 ? high * 1.1 : 1] } },
        axes: [{ ...axis, size: 28, values: (_, ticks) => ticks.map(clock) }, { ...axis, size: 48 }],
        series: [{}, ...lines.map((line) => lineStyle(line, lines.length === 1))],
        hooks: {
          draw: [(drawn) => drawMarks(drawn, latest.current.marks)],
          setCursor: [(drawn) => setUnder(drawn.cursor.idx ?? null)],
        },
      },
      latest.current.data,
      element,
    );
    chart.current = plot;
    const click = (): void => {
      const at = plot.posToVal(plot.cursor.left ?? -1, "x");
      if ((plot.cursor.left ?? -1) >= 0) picked.current?.(at);
    };
    plot.over.addEventListener("click", click);
    const sized = new ResizeObserver(() => plot.setSize({ width: element.clientWidth || 300, height }));
    sized.observe(element);
    return () => {
      sized.disconnect();
      plot.destroy();
      chart.current = null;
    };
    // The chart is made anew for other lines or colours; new values are given to it below.
  }, [names, theme, height]);

  useEffect(() => chart.current?.setData(latest.current.data), [data]);

  const moment = under === null ? undefined : times[under];
  return (
    <figure className="chart">
      <figcaption>
        <strong>{title}</strong>
        {lines.map((line) => (
          <span key={line.label} className="chart-key">
            <i style={{ background: `var(${line.colour})` }} />
            {line.label} <b>{valueAt(line.values, moment === undefined ? null : under)}</b> {unit}
          </span>
        ))}
        <span className="chart-moment">{moment === undefined ? "" : exact(moment)}</span>
      </figcaption>
      <div ref={box} aria-hidden />
      {marks.length > 0 && <p className="chart-marks">{marked(marks, times, moment)}</p>}
    </figure>
  );
}

function lineStyle(line: Line, alone: boolean): uPlot.Series {
  const stroke = colour(line.colour);
  // The theme's colours are six hexadecimal digits; two more are their opacity.
  return { label: line.label, stroke, fill: alone ? `${stroke}1f` : undefined, width: 1.5, points: { show: false } };
}

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const EXACT = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

function clock(seconds: number): string {
  return CLOCK.format(seconds * 1000);
}

function exact(seconds: number): string {
  return EXACT.format(seconds * 1000);
}

/** The value at a place, the newest one without it. */
function valueAt(values: (number | null)[], index: number | null): string {
  const value = index === null ? values.findLast((each) => each !== null) : values[index];
  if (value === null || value === undefined) return "–";
  if (value === 0) return "0";
  return value >= 100 ? value.toFixed(0) : value >= 1 ? value.toFixed(1) : value.toPrecision(2);
}

/** What was changed near the moment under the pointer, or how much in all. */
function marked(marks: Mark[], times: number[], moment: number | undefined): string {
  const step = ((times.at(-1) ?? 0) - (times[0] ?? 0)) / Math.max(times.length - 1, 1);
  const near = moment === undefined ? [] : marks.filter((mark) => Math.abs(mark.at - moment) <= 1.5 * step);
  if (near.length) return near.map((mark) => `${mark.label} at ${exact(mark.at)}`).join(", ");
  return `┊ ${marks.length === 1 ? "1 change" : `${marks.length} changes`}`;
}

function drawMarks(plot: uPlot, marks: Mark[]): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = colour("--progress");
  ctx.setLineDash([4, 4]);
  for (const mark of marks) {
    const x = plot.valToPos(mark.at, "x", true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}
