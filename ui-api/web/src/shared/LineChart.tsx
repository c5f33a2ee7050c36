/** One chart over time (uPlot on canvas), with its newest values as text beside it and marks for changes. */
import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { useTheme } from "@/app/theme";

export interface Line {
  label: string;
  values: (number | null)[];
  /** a custom property of the theme, such as `--ok` */
  colour: string;
}

interface Props {
  title: string;
  unit: string;
  /** seconds since 1970 */
  times: number[];
  lines: Line[];
  marks?: { at: number; label: string }[];
  height?: number;
  /** called with a moment in seconds when somebody clicks into the chart */
  onPick?(at: number): void;
}

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

export function LineChart({ title, unit, times, lines, marks = [], height = 140, onPick }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
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
        cursor: { y: false, drag: { x: false, y: false } },
        scales: { y: { range: (_, _low, high) => [0, high > 0 ? high * 1.1 : 1] } },
        axes: [{ ...axis, size: 28, values: (_, ticks) => ticks.map(clock) }, { ...axis, size: 52 }],
        series: [
          {},
          ...lines.map((line) => ({ label: line.label, stroke: colour(line.colour), width: 1.5, points: { show: false } })),
        ],
        hooks: { draw: [(drawn) => drawMarks(drawn, latest.current.marks)] },
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

  return (
    <figure className="chart">
      <figcaption>
        <strong>{title}</strong>
        {lines.map((line) => (
          <span key={line.label} className="chart-key">
            <i style={{ background: `var(${line.colour})` }} />
            {line.label} <b>{newest(line.values)}</b> {unit}
          </span>
        ))}
      </figcaption>
      <div ref={box} aria-hidden />
    </figure>
  );
}

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

function clock(seconds: number): string {
  return CLOCK.format(seconds * 1000);
}

function newest(values: (number | null)[]): string {
  const value = values.findLast((each) => each !== null);
  if (value === null || value === undefined) return "–";
  return value >= 100 ? value.toFixed(0) : value >= 1 ? value.toFixed(1) : value.toPrecision(2);
}

function drawMarks(plot: uPlot, marks: { at: number; label: string }[]): void {
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
